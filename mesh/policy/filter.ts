/**
 * The packet filter of one machine, at the destination: who may open flows to it and to what it carries. Each line
 * remembers the policy's rule, so that a verdict can be explained. How a filter is put in force is another matter (render_nft.ts).
 */
import {
  carriedPart,
  type Compiled,
  families,
  type Machine,
  ownPart,
  routesFor,
  sameUser,
  seenBy,
  stands,
} from "./compile.ts";
import { type Range, toPrefixes } from "./prefix.ts";
import { has } from "./prepare.ts";
import { firewallOf } from "./firewall.ts";
import { CLOSED, type Filter, type FilterRule, type Rule } from "./types.ts";

/** The filter of machine `self`; that of a machine that is not there lets nothing pass. */
export function filterFor(compiled: Compiled, self: string): Filter {
  const machine = compiled.machines.get(self);
  if (!machine) return CLOSED;
  const others = seenBy(compiled, self).map((id) => compiled.machines.get(id)!);
  const mine = others.filter((other) => sameUser(machine, other));
  const inbound: FilterRule[] = [], outbound: FilterRule[] = [];
  compiled.policy.rules.forEach((rule, i) => {
    const whole = (other: Machine, end: "from" | "to") => [
      ...ownPart(other, i, end),
      ...carriedPart(compiled, other, i, end),
    ];
    const all = (end: "from" | "to") => others.filter((o) => stands(o, i, end)).flatMap((other) => whole(other, end));
    if (stands(machine, i, "to")) inbound.push(...line(rule, all("from"), whole(machine, "to")));
    if (has(compiled.prepared.self, i)) {
      inbound.push(...line(rule, mine.flatMap((other) => ownPart(other, i, "from")), machine.own));
    }
    const carried = carriedPart(compiled, machine, i, "from");
    if (carried.length > 0) outbound.push(...line(rule, carried, all("to")));
  });
  const used = routesFor(compiled, self).flatMap((route) => route.effective);
  return {
    peers: toPrefixes([...others.flatMap((other) => other.own), ...used]),
    inbound,
    outbound,
    firewall: firewallOf(compiled.policy, machine, others),
  };
}

/** The line for these sources and destinations, without the families that only one side has; none when nothing is left. */
function line(rule: Rule, sources: readonly Range[], destinations: readonly Range[]): FilterRule[] {
  const common = families(sources) & families(destinations);
  if (common === 0) return [];
  const within = (ranges: readonly Range[]) => toPrefixes(ranges.filter((range) => families([range]) & common));
  return [{
    rule: rule.index,
    line: rule.line,
    sources: within(sources),
    destinations: within(destinations),
    ports: rule.ports,
  }];
}
