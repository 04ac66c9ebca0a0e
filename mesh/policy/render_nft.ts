/**
 * A filter as nftables text: sets and chains to be put into a table of family `inet` that the link owns, and to be loaded
 * with the whole table in one `nft -f`.
 *
 * - Only packets that came out of the tunnel, or are about to go into it, are judged; all others pass untouched.
 * - Only the replies of a flow are waved through by connection tracking. Packets in a flow's own direction are held against
 *   the rules each time, so a flow that a new policy no longer allows ends at once.
 * - ICMP errors about a tracked flow pass; `related` by a helper (FTP and the like) does not.
 * - What goes through an exit node into the internet is looked at only where packets are forwarded: a machine's own public
 *   address is not the internet to those who use it as their exit.
 * - A packet that Docker or the host sent elsewhere by DNAT has a destination that no rule names, and is dropped.
 * - Connection tracking puts fragments together before the filter sees them, and `meta l4proto` looks behind IPv6
 *   extension headers, so ports are never read from the wrong place.
 * - Firewall rules (render_firewall.ts) come before the lines that accept, and none of them accepts a packet that opens a flow.
 * - What this machine itself sends is for the other end to judge; only its own firewall rules look at it.
 *
 * Every verdict counts. A rule's comment says whose the count is, and what was dropped or logged is kept in sets of bounded
 * size (counted.ts): both are read back with `nft list`, without a kernel log, in any network namespace.
 */
import type { Counted } from "./counted.ts";
import { parsePrefix, type Range, toPrefixes } from "./prefix.ts";
import { firewallChain, renderFirewall } from "./render_firewall.ts";
import { chain, counted, NAME, prefixesOf, seenChain, seenChainName, services, Sets } from "./render_parts.ts";
import type { Filter, FilterRule } from "./types.ts";

const of = (kind: Counted["kind"], direction: Counted["direction"]): Counted => ({ kind, direction, rules: [] });

/** The sets and chains of a filter, for a table of family inet. `iface` is the tunnel's interface. */
export function renderFilter(filter: Filter, { iface }: { iface: string }): string {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(iface)) throw new RangeError(`Bad interface name: ${iface}`);
  const sets = new Sets();
  const peers = { 4: sets.always("peers4", 4, filter.peers), 6: sets.always("peers6", 6, filter.peers) };
  const inbound = accepts(filter.inbound, "in", sets);
  const outbound = accepts(filter.outbound, "out", sets);
  const exit = accepts(filter.exit, "in", sets);
  const tracked = [
    "ct state established ct direction reply accept",
    "ct state related meta l4proto { icmp, ipv6-icmp } accept",
  ];
  const firewall = {
    in: renderFirewall(filter.firewall, "in", sets),
    out: renderFirewall(filter.firewall, "out", sets),
  };
  const judged = (direction: "in" | "out") => [
    ...tracked,
    ...(firewall[direction] === "" ? [] : [`jump ${firewallChain(direction)}`]),
  ];
  const [stranger, refused] = [of("stranger", "in"), { in: of("refused", "in"), out: of("refused", "out") }];
  const invalid = (direction: "in" | "out") => `ct state invalid ${counted(of("invalid", direction), "drop")}`;
  const judgedIn = [
    invalid("in"),
    `ip saddr != @${peers[4]} goto ${seenChainName(stranger)}`,
    `ip6 saddr != @${peers[6]} goto ${seenChainName(stranger)}`,
    ...judged("in"),
  ];
  return [
    ...sets.text,
    firewall.in,
    firewall.out,
    ...[stranger, refused.in, refused.out].map((one) => seenChain(one, "drop")),
    chain(`${NAME}allowed`, [...inbound, `goto ${seenChainName(refused.in)}`]),
    chain(`${NAME}inbound`, [...judgedIn, `goto ${NAME}allowed`]),
    chain(`${NAME}outbound`, [invalid("out"), ...judged("out"), ...outbound, `goto ${seenChainName(refused.out)}`]),
    ...(exit.length === 0 ? [] : [chain(`${NAME}exit`, [...judgedIn, ...exit, `goto ${NAME}allowed`])]),
    chain(`${NAME}input`, [
      "type filter hook input priority filter; policy accept;",
      `iifname "${iface}" jump ${NAME}inbound`,
    ]),
    chain(`${NAME}forward`, [
      "type filter hook forward priority filter; policy accept;",
      `iifname "${iface}" oifname "${iface}" goto ${seenChainName(refused.in)}`,
      ...(exit.length === 0 ? [] : [`iifname "${iface}" jump ${NAME}exit`]),
      `iifname "${iface}" jump ${NAME}inbound`,
      `oifname "${iface}" jump ${NAME}outbound`,
    ]),
    ...(firewall.out === "" ? [] : [
      chain(`${NAME}own`, judged("out")),
      chain(`${NAME}output`, [
        "type filter hook output priority filter; policy accept;",
        `oifname "${iface}" jump ${NAME}own`,
      ]),
    ]),
  ].join("");
}

interface Group {
  family: 4 | 6;
  destinations: string[];
  service: string;
  sources: Range[];
  rules: Set<number>;
}

/** Accepting lines: one for each family, set of destinations and set of ports, with the sources of all rules that share these. */
function accepts(rules: readonly FilterRule[], direction: "in" | "out", sets: Sets): string[] {
  const groups = new Map<string, Group>();
  for (const rule of rules) {
    for (const family of [4, 6] as const) {
      const [sources, destinations] = [prefixesOf(family, rule.sources), prefixesOf(family, rule.destinations)];
      if (sources.length === 0 || destinations.length === 0) continue;
      for (const service of services(rule.ports, family)) {
        const key = `${destinations.join()} ${service}`;
        const group = groups.get(key) ?? { family, destinations, service, sources: [], rules: new Set() };
        groups.set(key, group);
        group.sources.push(...sources.map((source) => parsePrefix(source) as Range));
        group.rules.add(rule.rule);
      }
    }
  }
  return [...groups.values()].map(({ family, destinations, service, sources, rules }) => {
    const ip = family === 4 ? "ip" : "ip6";
    const [from, to] = [sets.of(family, toPrefixes(sources)), sets.of(family, destinations)];
    const verdict = counted({ kind: "allow", direction, rules: [...rules] }, "accept");
    return `${ip} saddr @${from} ${ip} daddr @${to} ${service}${verdict}`;
  });
}
