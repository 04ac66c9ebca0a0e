/** What a policy may say but hardly means: warnings about rules that do nothing and hosts that lie in each other. */
import { holds, intersect, type Range } from "./prefix.ts";
import { type Notes, quoted } from "./shape.ts";
import type { Policy, Ports, Rule, Selector } from "./types.ts";

/** Rules beyond this many are not compared with each other. */
const MAX_COMPARED = 1000;

/** Notes the warnings of a policy without faults. */
export function lint(policy: Policy, notes: Notes): void {
  overlappingHosts(policy, notes);
  const sides = [
    ...policy.rules.map((rule) => ({ rule, lists: { from: rule.from, to: rule.to, via: rule.via ?? [] } })),
    ...policy.firewall.map((rule) => ({ rule, lists: { on: rule.on, from: rule.from ?? [], to: rule.to ?? [] } })),
  ];
  for (const { rule, lists } of sides) {
    for (const [name, side] of Object.entries(lists)) {
      if (side.length === 0 || !side.every((s) => s.kind === "users" && s.users.length === 0)) continue;
      const groups = side.map((s) => quoted(s.text)).join(", ");
      notes.warn(
        rule,
        `This rule never matches: nobody is in its "${name}" (${groups})`,
        "fill the group, or take the rule out",
      );
    }
  }
  coveredRules(policy, notes);
}

function overlappingHosts({ hosts, hostPlaces }: Policy, notes: Notes): void {
  const sorted = [...hosts].sort(([, a], [, b]) =>
    a.family - b.family || compare(a.first, b.first) || compare(b.last, a.last)
  );
  const open: [string, Range][] = [];
  for (const [name, range] of sorted) {
    while (open.length > 0 && !intersect(open.at(-1)![1], range)) open.pop();
    const same = open.length > 0 && open.at(-1)![1].first === range.first && open.at(-1)![1].last === range.last;
    const around = same ? open.at(-1) : open[0];
    if (around) {
      const how = same ? "is the same as" : "overlaps with";
      notes.warn(
        hostPlaces.get(name)!,
        `Host ${quoted(name)} ${how} host ${quoted(around[0])}`,
        "a rule that names one reaches what both hold",
      );
    }
    open.push([name, range]);
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function coveredRules({ rules }: Policy, notes: Notes): void {
  if (rules.length > MAX_COMPARED) return;
  for (const rule of rules) {
    const by = rules.find((other) =>
      other !== rule && covers(other, rule) && !(other.index > rule.index && covers(rule, other))
    );
    if (by) notes.warn(rule, `This rule adds nothing: the rule in line ${by.line} allows all of it`, "take it out");
  }
}

/** True when `a` allows all that `b` allows. */
function covers(a: Rule, b: Rule): boolean {
  return coversPorts(a.ports, b.ports) && a.posture.every((name) => b.posture.includes(name)) &&
    (a.via === null || (b.via !== null && coversAll(a.via, b.via))) && coversAll(a.from, b.from) &&
    coversAll(a.to, b.to);
}

function coversAll(a: readonly Selector[], b: readonly Selector[]): boolean {
  return b.every((inner) => a.some((outer) => coversSelector(outer, inner)));
}

function coversSelector(a: Selector, b: Selector): boolean {
  if (a.kind === "all") return b.kind !== "addresses" && b.kind !== "internet";
  if (a.kind === "users" && b.kind === "users") return b.users.every((user) => a.users.includes(user));
  if (a.kind === "addresses" && b.kind === "addresses") return holds(a.range, b.range);
  return a.kind === b.kind && a.text === b.text;
}

function coversPorts(a: Ports | null, b: Ports | null): boolean {
  if (a === null || b === null) return a === null;
  const within = (name: "tcp" | "udp") =>
    b[name].every(([first, last]) => a[name].some((range) => range[0] <= first && last <= range[1]));
  return within("tcp") && within("udp") && (a.icmp || !b.icmp);
}
