/**
 * Networks that are known to the mesh by another prefix than their own, so that two sites may both have 192.168.1.0/24: each is
 * routed under an alias, and its carrier maps one to one between the two (RFC 1631's idea; the host part stays). Rules, routes and
 * other machines know the alias alone. At the carrier the kernel maps before it filters, so the filter there has to speak of
 * the network's own addresses.
 */
import { intersect, parsePrefix, type Range, subtract, toPrefixes } from "../../../mesh/policy/prefix.ts";
import type { Filter, FilterRule } from "../../../mesh/policy/mod.ts";

/** A network behind this machine and the prefix by which others know it; both of one family and length. */
export interface Alias {
  /** What others know. */
  prefix: string;
  /** What it really is. */
  lan: string;
}

/** A carrier's filter in terms of its own networks. */
export function behindAliases(filter: Filter, aliases: readonly Alias[]): Filter {
  if (aliases.length === 0) return filter;
  const maps = aliases.map(({ prefix, lan }) => ({
    from: parsePrefix(prefix) as Range,
    to: parsePrefix(lan) as Range,
  }));
  const mapped = (prefixes: readonly string[]): string[] => {
    const ranges = prefixes.map((prefix) => parsePrefix(prefix) as Range);
    const own = maps.flatMap(({ from, to }) =>
      ranges.map((range) => intersect(range, from)).filter((cut) => cut !== null).map((cut) => {
        const by = to.first - from.first;
        return { family: cut.family, first: cut.first + by, last: cut.last + by };
      })
    );
    const others = ranges.flatMap((range) => subtract(range, maps.map(({ from }) => from)));
    return toPrefixes([...others, ...own]);
  };
  const lines = (rules: readonly FilterRule[], end: "sources" | "destinations") =>
    rules.map((rule) => ({ ...rule, [end]: mapped(rule[end]) }));
  return {
    ...filter,
    inbound: lines(filter.inbound, "destinations"),
    outbound: lines(filter.outbound, "sources"),
    firewall: filter.firewall.map((line) => {
      const end = line.direction === "in" ? "destinations" : "sources";
      return line[end] === null ? line : { ...line, [end]: mapped(line[end]) };
    }),
  };
}
