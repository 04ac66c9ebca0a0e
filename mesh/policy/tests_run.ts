/**
 * The policy's own `[[test]]` rows. They are about machines as the policy names them, not about those that exist: "a machine
 * of ann's", "a machine with tag:web, of no user". `accept` holds when all of what it names is let through, `deny` when none is.
 * Imagined machines are in every posture, and networks are carried by whoever `via` asks for: a `deny` is never too kind. What a
 * firewall rule drops is not let through; at the carrier of a network only a rule for all machines is done for certain.
 */
import { faultError } from "./parse.ts";
import { INTERNET } from "./internet.ts";
import { IP_PROTOCOL, opens, samples, type Service } from "./ports.ts";
import { intersect, type Range } from "./prefix.ts";
import { quoted } from "./shape.ts";
import type { Fault, FirewallRule, Policy, Rule, Selector, TestCase } from "./types.ts";

/** Somebody whom a rule can match: an imagined machine, or one address of a network behind one. */
type Subject = { user?: string; tag?: string; name?: string } | { address: Range; internet?: boolean };

/**
 * Runs the tests.
 * @throws GhostError `bad_policy` at the first one that fails
 */
export function runPolicyTests(policy: Policy): void {
  const [fault] = failedTests(policy);
  if (fault) throw faultError(fault, policy.file);
}

/** All tests that fail. */
export function failedTests(policy: Policy): Fault[] {
  const drops = policy.firewall.filter(({ action }) => action.kind === "drop");
  return policy.tests.flatMap((test) => run(test, { rules: policy.rules, drops }) ?? []);
}

interface Judges {
  rules: readonly Rule[];
  drops: readonly FirewallRule[];
}

function run(test: TestCase, judges: Judges): Fault | undefined {
  const { rules, drops } = judges;
  const { line, column, expect, from, to } = test;
  const sources = subjects(from, judges);
  const services = samples(test.ports, [...rules, ...drops].map((rule) => rule.ports));
  let asked = false;
  for (const source of sources) {
    const targets = to.kind === "self" ? ("user" in source ? [{ ...source }] : []) : subjects(to, judges);
    for (const target of targets) {
      if ("address" in source && "address" in target && source.address.family !== target.address.family) continue;
      for (const service of services) {
        asked = true;
        const flow = { source, target, service };
        const allowing = rules.find((rule) => allows(rule, flow));
        const dropping = allowing && drops.find((rule) => dropsFlow(rule, flow));
        const passes = allowing !== undefined && dropping === undefined;
        if (passes === (expect === "accept")) continue;
        const what = `${quoted(from.text)} ${passes ? "can" : "cannot"} reach ${quoted(to.text)} on ${told(service)}`;
        const message = `Test ${expect} ${quoted(test.text)} fails: ${what}`;
        const mend = dropping
          ? `the firewall rule in line ${dropping.line} drops it`
          : allowing
          ? `line ${allowing.line} allows it`
          : "no rule allows it";
        return { line, column, message, mend };
      }
    }
  }
  if (asked) return undefined;
  return {
    line,
    column,
    message: `Test ${expect} ${quoted(test.text)} names nobody`,
    mend: "name somebody who can exist",
  };
}

function told({ protocol, port }: Service): string {
  if (protocol === IP_PROTOCOL.tcp) return `tcp/${port}`;
  if (protocol === IP_PROTOCOL.udp) return `udp/${port}`;
  return protocol === IP_PROTOCOL.icmp ? "icmp" : "other protocols than tcp, udp and icmp";
}

function subjects(selector: Selector, judges: Judges): Subject[] {
  switch (selector.kind) {
    case "users":
      return selector.users.map((user) => ({ user }));
    case "tag":
      return [{ tag: selector.tag }];
    case "machine":
      return [{ name: selector.name }];
    case "internet":
      return INTERNET.map(({ family, first }) => ({ address: { family, first, last: first }, internet: true }));
    case "addresses":
      return addressSamples(selector.range, judges).map((address) => ({ address }));
    default:
      return [];
  }
}

/** Addresses that stand for all of `range`: between one and the next no rule's answer changes. */
function addressSamples(range: Range, { rules, drops }: Judges): Range[] {
  const sides = [...rules, ...drops].flatMap(({ from, to }) => [...from ?? [], ...to ?? []]);
  const edges = sides.flatMap((selector) => {
    const cut = selector.kind === "addresses" ? intersect(selector.range, range) : null;
    return cut ? [cut.first, cut.last + 1n] : [];
  });
  return [...new Set([range.first, ...edges.filter((edge) => range.first < edge && edge <= range.last)])]
    .map((first) => ({ family: range.family, first, last: first }));
}

interface Flow {
  source: Subject;
  target: Subject;
  service: Service;
}

/** True when a firewall rule that drops is sure to drop the flow, at the one end or the other. */
function dropsFlow({ on, direction, from, to, ports }: FirewallRule, { source, target, service }: Flow): boolean {
  const done = (at: Subject) => on.some((selector) => selector.kind === "all" || matches(selector, at));
  const meets = (side: readonly Selector[] | null, subject: Subject) =>
    side === null || side.some((selector) => matches(selector, subject));
  return opens(ports, service) && meets(from, source) && meets(to, target) &&
    ((direction !== "out" && done(target)) || (direction !== "in" && done(source)));
}

function allows(rule: Rule, { source, target, service }: Flow): boolean {
  return opens(rule.ports, service) && rule.from.some((selector) => matches(selector, source)) &&
    rule.to.some((selector) =>
      selector.kind === "self"
        ? "user" in source && "user" in target && source.user === target.user
        : matches(selector, target)
    );
}

function matches(selector: Selector, subject: Subject): boolean {
  if ("address" in subject) {
    if (subject.internet) return selector.kind === "internet";
    return selector.kind === "addresses" && intersect(selector.range, subject.address) !== null;
  }
  switch (selector.kind) {
    case "all":
      return true;
    case "users":
      return subject.user !== undefined && selector.users.includes(subject.user);
    case "tag":
      return subject.tag === selector.tag;
    case "machine":
      return subject.name === selector.name;
    default:
      return false;
  }
}
