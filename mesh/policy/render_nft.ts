/**
 * A filter as nftables text: sets and chains to be put into a table of family `inet` that the link owns, and to be loaded
 * with the whole table in one `nft -f`.
 *
 * - Only packets that came out of the tunnel, or are about to be forwarded into it, are judged; all others pass untouched.
 * - Only the replies of a flow are waved through by connection tracking. Packets in a flow's own direction are held against
 *   the rules each time, so a flow that a new policy no longer allows ends at once.
 * - ICMP errors about a tracked flow pass; `related` by a helper (FTP and the like) does not.
 * - What goes through an exit node into the internet is looked at only where packets are forwarded: a machine's own public
 *   address is not the internet to those who use it as their exit.
 * - A packet that Docker or the host sent elsewhere by DNAT has a destination that no rule names, and is dropped.
 * - Connection tracking puts fragments together before the filter sees them, and `meta l4proto` looks behind IPv6
 *   extension headers, so ports are never read from the wrong place.
 */
import { parsePrefix, type Range, toPrefixes } from "./prefix.ts";
import type { Filter, FilterRule, PortRange, Ports } from "./types.ts";

/** Sets and chains take this prefix, so that the link's other ones cannot collide with them. */
const NAME = "policy_";

/** The sets and chains of a filter, for a table of family inet. `iface` is the tunnel's interface. */
export function renderFilter(filter: Filter, { iface }: { iface: string }): string {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(iface)) throw new RangeError(`Bad interface name: ${iface}`);
  const sets = new Sets();
  const peers = { 4: sets.always("peers4", 4, filter.peers), 6: sets.always("peers6", 6, filter.peers) };
  const inbound = accepts(filter.inbound, sets);
  const outbound = accepts(filter.outbound, sets);
  const exit = accepts(filter.exit ?? [], sets);
  const chain = (name: string, lines: readonly string[]) =>
    `chain ${name} {\n${lines.map((l) => `  ${l}\n`).join("")}}\n`;
  const tracked = [
    "ct state established ct direction reply accept",
    "ct state related meta l4proto { icmp, ipv6-icmp } accept",
  ];
  return [
    ...sets.text,
    chain(`${NAME}inbound`, [
      "ct state invalid counter drop",
      `ip saddr != @${peers[4]} counter drop`,
      `ip6 saddr != @${peers[6]} counter drop`,
      ...tracked,
      ...inbound,
      "counter drop",
    ]),
    chain(`${NAME}outbound`, ["ct state invalid counter drop", ...tracked, ...outbound, "counter drop"]),
    ...(exit.length === 0 ? [] : [chain(`${NAME}exit`, ["ct state invalid counter drop", ...exit])]),
    chain(`${NAME}input`, [
      "type filter hook input priority filter; policy accept;",
      `iifname "${iface}" jump ${NAME}inbound`,
    ]),
    chain(`${NAME}forward`, [
      "type filter hook forward priority filter; policy accept;",
      `iifname "${iface}" oifname "${iface}" counter drop`,
      ...(exit.length === 0 ? [] : [`iifname "${iface}" jump ${NAME}exit`]),
      `iifname "${iface}" jump ${NAME}inbound`,
      `oifname "${iface}" jump ${NAME}outbound`,
    ]),
  ].join("");
}

/** Named sets, one for each content. */
class Sets {
  readonly text: string[] = [];
  #names = new Map<string, string>();

  /** The name of a set with these prefixes; made when there is none yet. */
  of(family: 4 | 6, prefixes: readonly string[]): string {
    const key = prefixes.join();
    const known = this.#names.get(key);
    if (known) return known;
    const name = this.always(`set${this.#names.size}`, family, prefixes);
    this.#names.set(key, name);
    return name;
  }

  /** A set by this name with those of the prefixes that are of the family, even when there are none. */
  always(suffix: string, family: 4 | 6, prefixes: readonly string[]): string {
    const elements = prefixes.filter((prefix) => familyOf(prefix) === family);
    const body = elements.length === 0 ? "" : `  elements = {\n    ${elements.join(",\n    ")}\n  }\n`;
    this.text.push(`set ${NAME}${suffix} {\n  type ipv${family}_addr\n  flags interval\n${body}}\n`);
    return NAME + suffix;
  }
}

function familyOf(prefix: string): 4 | 6 {
  return prefix.includes(":") ? 6 : 4;
}

/** Accepting lines: one for each family, set of destinations and set of ports, with the sources of all rules that share these. */
function accepts(rules: readonly FilterRule[], sets: Sets): string[] {
  const groups = new Map<string, { family: 4 | 6; destinations: string[]; service: string; sources: Range[] }>();
  for (const rule of rules) {
    for (const family of [4, 6] as const) {
      const of = (prefixes: readonly string[]) => prefixes.filter((prefix) => familyOf(prefix) === family);
      const [sources, destinations] = [of(rule.sources), of(rule.destinations)];
      if (sources.length === 0 || destinations.length === 0) continue;
      for (const service of services(rule.ports, family)) {
        const key = `${destinations.join()} ${service}`;
        const group = groups.get(key) ?? { family, destinations, service, sources: [] };
        groups.set(key, group);
        group.sources.push(...sources.map((source) => parsePrefix(source) as Range));
      }
    }
  }
  return [...groups.values()].map(({ family, destinations, service, sources }) => {
    const ip = family === 4 ? "ip" : "ip6";
    const [from, to] = [sets.of(family, toPrefixes(sources)), sets.of(family, destinations)];
    return `${ip} saddr @${from} ${ip} daddr @${to} ${service}accept`;
  });
}

/** The matches for ports, each with a space after it; `[""]` for all protocols. */
function services(ports: Ports | null, family: 4 | 6): string[] {
  if (ports === null) return [""];
  const matches: string[] = [];
  for (const protocol of ["tcp", "udp"] as const) {
    const ranges = ports[protocol];
    if (ranges.length === 0) continue;
    const all = ranges[0]![0] === 0 && ranges[0]![1] === 65535;
    matches.push(`meta l4proto ${protocol} ${all ? "" : `th dport { ${ranges.map(portText).join(", ")} } `}`);
  }
  if (ports.icmp) matches.push(`meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"} `);
  return matches;
}

function portText([first, last]: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
