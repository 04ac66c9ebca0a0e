/**
 * Firewall rules for one machine, and for people who ask. A rule goes by what a machine knows: of those that it does not see
 * no flow passes anyway.
 *
 * The order in which they are done is fixed and cannot widen anything: all that log, then all that drop, then all that limit,
 * each kind as in the file; only what is left is held against `[[allow]]`.
 */
import { families, type Machine } from "./compile.ts";
import { intersectAll, type Range, subtract, toPrefixes } from "./prefix.ts";
import { opens, portsText, samples } from "./ports.ts";
import { names } from "./prepare.ts";
import type { End } from "./reach.ts";
import type { FirewallAction, FirewallLine, FirewallRule, Policy, Ports, Selector } from "./types.ts";

const ORDER: readonly FirewallAction["kind"][] = ["log", "drop", "limit"];

/** A policy's firewall rules in the order in which they are done. */
export function inOrder(rules: readonly FirewallRule[]): FirewallRule[] {
  return ORDER.flatMap((kind) => rules.filter(({ action }) => action.kind === kind));
}

/** The lines of the firewall of `machine`, which sees `others`. */
export function firewallOf(policy: Policy, { machine, others, internet }: {
  machine: Machine;
  others: readonly Machine[];
  /** What `internet` means in this network. */
  internet: () => readonly Range[];
}): FirewallLine[] {
  const around = { machines: [machine, ...others], internet };
  return inOrder(policy.firewall).flatMap((rule) => {
    if (!holdsAt(rule, machine)) return [];
    const [from, to] = [rangesOf(rule.from, around), rangesOf(rule.to, around)];
    if ((from === null ? 3 : families(from)) === 0 || (to === null ? 3 : families(to)) === 0) return [];
    if (from !== null && to !== null && (families(from) & families(to)) === 0) return [];
    return directions(rule).map((direction) => ({
      rule: rule.index,
      line: rule.line,
      direction,
      sources: from && toPrefixes(from),
      destinations: to && toPrefixes(to),
      ports: rule.ports,
      action: rule.action,
    }));
  });
}

function directions({ direction }: FirewallRule): ("in" | "out")[] {
  return direction === null ? ["in", "out"] : [direction];
}

/** True when `on` names the machine. */
function holdsAt({ on }: FirewallRule, machine: Machine): boolean {
  return on.some((selector) => partOf(selector, machine).length > 0);
}

/** The addresses of a machine that a selector names. */
function partOf(selector: Selector, { node, own }: Machine): readonly Range[] {
  if (selector.kind === "addresses") return intersectAll(own, [selector.range]);
  return names(selector, node) ? own : [];
}

/** What one side of a rule matches: prefixes as they stand, and the named machines' own addresses; null: everything. */
function rangesOf(
  side: readonly Selector[] | null,
  { machines, internet }: { machines: readonly Machine[]; internet: () => readonly Range[] },
): Range[] | null {
  return side?.flatMap((selector) => {
    if (selector.kind === "addresses") return [selector.range];
    return selector.kind === "internet" ? internet() : machines.flatMap((machine) => partOf(selector, machine));
  }) ?? null;
}

/** A firewall rule that meets flows from one end to another. */
export interface Met {
  rule: FirewallRule;
  /** At which end it is done. */
  at: "source" | "target";
  /** It meets all flows between the two that go to its ports, and not only those of some addresses. */
  whole: boolean;
}

/** The firewall rules that flows from `source` to `target` meet, in the order in which they are done. */
export function firewallBetween(policy: Policy, source: End, target: End): Met[] {
  return inOrder(policy.firewall).flatMap((rule) => {
    const [from, to] = [missed(rule.from, source), missed(rule.to, target)];
    if (from.hit.length === 0 || to.hit.length === 0 || (families(from.hit) & families(to.hit)) === 0) return [];
    const both = families(from.all) & families(to.all);
    const whole = [...from.left, ...to.left].every((range) => (families([range]) & both) === 0);
    const ends = [["out", "source", source], ["in", "target", target]] as const;
    return ends.filter(([direction, , { machine }]) => directions(rule).includes(direction) && holdsAt(rule, machine))
      .map(([, at]) => ({ rule, at, whole }));
  });
}

/** The addresses of an end: all, those that a side of a rule matches, and those that are left. */
function missed(side: readonly Selector[] | null, { machine, behind, beyond }: End) {
  const all = behind ?? machine.own;
  const hit = side === null ? all : side.flatMap((selector) => {
    if (selector.kind === "addresses") return intersectAll(all, [selector.range]);
    if (selector.kind === "internet") return beyond ? all : [];
    return behind === null ? partOf(selector, machine) : [];
  });
  return { all, hit, left: all.flatMap((range) => subtract(range, hit)) };
}

/** Where an end stands on all firewall rules: ends that stand alike meet the same ones. */
export function firewallPlace(policy: Policy, end: End): string {
  const place = ({ all, hit, left }: ReturnType<typeof missed>) =>
    [families(all), families(hit), families(left)].join("");
  return policy.firewall.map((rule) =>
    [Number(holdsAt(rule, end.machine)), place(missed(rule.from, end)), place(missed(rule.to, end))].join()
  ).join(" ");
}

/** True when all that `open` lets through is dropped. */
export function dropsAll(met: readonly Met[], open: Ports | null): boolean {
  const drops = met.filter(({ rule, whole }) => whole && rule.action.kind === "drop").map(({ rule }) => rule.ports);
  return samples(open, drops).every((service) => drops.some((ports) => opens(ports, service)));
}

/** What a rule does, in words: `drops tcp/22`. */
export function firewallText({ action, ports }: { action: FirewallAction; ports: Ports | null }): string {
  const what = portsText(ports);
  if (action.kind === "drop") return `drops ${what}`;
  if (action.kind === "log") return `logs ${what}`;
  return `limits ${what} to ${action.rate} new flows a ${action.per} from one address, ${action.burst} at once`;
}
