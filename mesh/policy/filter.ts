/**
 * The packet filter of one machine, at the destination: who may open flows to it and to what it carries. Each line
 * remembers the policy's rule, so that a verdict can be explained. How a filter is put in force is another matter (render_nft.ts).
 */
import {
  carriedPart,
  type Compiled,
  exitsFor,
  families,
  type Machine,
  ownPart,
  routesFor,
  sameUser,
  seenBy,
  stands,
} from "./compile.ts";
import { firewallOf } from "./firewall.ts";
import { internetOf } from "./internet.ts";
import { type Range, toPrefixes } from "./prefix.ts";
import { familyIndex, has } from "./prepare.ts";
import { CLOSED, type Filter, type FilterRule, type Rule } from "./types.ts";

/**
 * The filter of machine `self`; that of a machine that is not there lets nothing pass.
 * @param o.exit the exit node that it uses: answers from the internet come out of the tunnel
 */
export function filterFor(compiled: Compiled, self: string, { exit }: { exit?: string | undefined } = {}): Filter {
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
  const beyond = exitsFor(compiled, self).some(({ node }) => node === exit) ? internetOf(compiled) : [];
  return {
    peers: toPrefixes([...others.flatMap((other) => other.own), ...used, ...beyond]),
    inbound,
    outbound,
    exit: exitLines(compiled, machine, others),
    firewall: firewallOf(compiled.policy, { machine, others, internet: () => internetOf(compiled) }),
  };
}

/** Who may go into the internet through an exit node: machines themselves, not what they carry. */
function exitLines(compiled: Compiled, machine: Machine, others: readonly Machine[]): FilterRule[] {
  const beyond = machine.exit.some(Boolean) ? internetOf(compiled).filter((r) => machine.exit[familyIndex(r)]) : [];
  if (beyond.length === 0) return [];
  return compiled.policy.rules.flatMap((rule, i) => {
    if (!has(compiled.prepared.internet, i) || !has(machine.ends.carries, i)) return [];
    return line(rule, others.flatMap((other) => ownPart(other, i, "from")), beyond);
  });
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
