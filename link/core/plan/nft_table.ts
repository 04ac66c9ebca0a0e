/**
 * The text of the link's own nftables table, `inet ghostlink_<iface>`. The link makes, replaces and removes this one table
 * and touches no other.
 *
 * | part | chains | does |
 * |---|---|---|
 * | port sharing | stun_in, stun_out | WireGuard and ICE on one external UDP port: STUN goes to and comes from ICE's socket |
 * | joined ports | in the two above | a peer behind a guessed port: WireGuard and ICE use a socket's port towards that one address |
 * | bridge | link_bridge, link_reroute, link_late | late packets of a relay get the addresses of the path in use, so that WireGuard does not roam back |
 * | policy | as handed in | the compiled policy's chains |
 * | guard | link_guard | an interface that forwards only for our sake forwards only to and from the tunnel |
 * | carried routes | link_clamp, link_alias, link_snat | MSS clamp; a network's own addresses for its alias; masquerading towards it |
 *
 * Measured (Linux 6.18): the port sharing needs exactly these priorities, one before and one after conntrack, so that
 * conntrack sees one flow; the other TTL keeps GRO from joining a check with the data before it.
 *
 * The bridge works after conntrack, to which these packets stay loopback traffic. WireGuard answers over the interface where
 * a packet came from, and that is the loopback: wireguard-go of 2022 then sends to the peer through `lo`, where its packets
 * vanish until something comes directly (measured: 550 of 600 pings lost over IPv4; none with `link_reroute`). Changing a
 * header field in a chain of type `route` makes the kernel look for the way out again; DSCP 2 has no meaning of its own and
 * is treated as default, while a mark would hide WireGuard's own.
 */
import { canonicalAddress, canonicalPrefix, familyOf } from "./prefix.ts";
import type { Endpoint } from "./state.ts";

/** A peer on its way from the quic rung to a direct path. */
export interface Bridge {
  /** Port of the peer's relay socket on 127.0.0.1, or on ::1 when the direct pair is IPv6. */
  relayPort: number;
  /** Where the peer's packets come from on the direct path. */
  remote: Endpoint;
  /** Our own address of the direct pair; null until the host has found the one that it sends from. */
  local: string | null;
  /** A gate's port from which packets of a lane may still come, late: they get the pair's addresses too. */
  late?: Endpoint | null;
}

/** A port of this machine that stands for WireGuard's own towards one address: a guess has hit it (link/host/guess.ts). */
export interface Join {
  port: number;
  remote: Endpoint;
}

/** A prefix that this node carries for others. */
export interface CarriedRoute {
  prefix: string;
  /** Leave with this machine's own address, for networks that know no way back. */
  snat: boolean;
  /** The network's own prefix, when `prefix` is an alias (alias.ts). */
  lan?: string | undefined;
}

/** An interface whose forwarding we switched on; null is the whole machine. */
export interface ForwardGuard {
  iface: string | null;
  family: 4 | 6;
}

/** What goes into the table. */
export interface TableParts {
  /** WireGuard's port. */
  wgPort: number;
  /** Port of the ICE socket; null without port sharing. */
  stunPort: number | null;
  bridges: readonly Bridge[];
  joins: readonly Join[];
  /** nftables text of the policy: chains (and sets) that hook input and forward. */
  filter: string;
  carried: readonly CarriedRoute[];
  guards: readonly ForwardGuard[];
}

/** RFC 8489 section 5, at bytes 4 to 7 of the payload. */
const STUN_COOKIE = "0x2112a442";

/** Name of the table that belongs to a tunnel interface. nftables takes no `-` in names, and interfaces no `/`. */
export function tableName(iface: string): string {
  return `ghostlink_${iface.replaceAll("-", "/")}`;
}

/** A transaction that replaces the whole table; when it fails, the old one stays. */
export function renderTable(iface: string, parts: TableParts): string {
  const name = tableName(iface);
  const body = [
    ...(parts.stunPort === null ? [] : portSharing({ wg: parts.wgPort, stun: parts.stunPort, joins: parts.joins })),
    ...bridge(parts),
    parts.filter.trim(),
    ...guard(iface, parts.guards),
    ...carriedRoutes(iface, parts.carried),
  ].filter((line) => line !== "");
  return `${removeTable(iface)}table inet ${name} {\n${body.join("\n")}\n}\n`;
}

/** A transaction that removes the table, there or not. */
export function removeTable(iface: string): string {
  const name = tableName(iface);
  return `add table inet ${name}\ndelete table inet ${name}\n`;
}

/** A transaction from one list of bridges to another within the loaded table; "" when they are the same. */
export function renderBridgeChange(iface: string, from: readonly Bridge[], to: readonly Bridge[]): string {
  const name = tableName(iface);
  const change = (verb: "delete" | "add", bridges: readonly Bridge[]) =>
    [4, 6].flatMap((family) => {
      const of = bridges.filter((b) => bridgeFamily(b) === family);
      return MAPS.flatMap((map) => {
        const list = of.map((b) => map.element(b)).filter((e) => e !== null)
          .map(([key, value]) => verb === "add" ? `${key} : ${value}` : key);
        return list.length === 0 ? [] : [`${verb} element inet ${name} ${map.name}${family} { ${list.join(", ")} }\n`];
      });
    });
  const lines = (bridges: readonly Bridge[]) =>
    new Set(bridges.map((b) => JSON.stringify(MAPS.map((m) => m.element(b)))));
  const [before, after] = [lines(from), lines(to)];
  const missing = (list: readonly Bridge[], others: Set<string>) =>
    list.filter((b) => !others.has(JSON.stringify(MAPS.map((m) => m.element(b)))));
  return [...change("delete", missing(from, after)), ...change("add", missing(to, before))].join("");
}

function portSharing({ wg, stun, joins }: { wg: number; stun: number; joins: readonly Join[] }): string[] {
  // A joined port is WireGuard's before STUN is told apart, and the last word on what goes out: conntrack sees one flow.
  const inward = joins.map(({ port, remote }) => `  ${peerOf("s", remote)} udp dport ${port} udp dport set ${wg}`);
  const outward = joins.map(({ port, remote }) =>
    `  ${peerOf("d", remote)} udp sport { ${wg}, ${stun} } udp sport set ${port}`
  );
  return [
    `chain stun_in { type filter hook prerouting priority mangle;`,
    // What this machine forwards for others, a gate's lanes among it, may have the same ports and is none of ours.
    `  fib daddr type != local return`,
    ...inward,
    `  udp dport ${wg} @th,96,32 ${STUN_COOKIE} udp dport set ${stun}`,
    `}`,
    `chain stun_out { type filter hook output priority raw;`,
    `  udp sport ${stun} meta nfproto ipv4 ip ttl set 63`,
    `  udp sport ${stun} meta nfproto ipv6 ip6 hoplimit set 63`,
    ...outward,
    `  udp sport ${stun} udp sport set ${wg}`,
    `}`,
  ];
}

/** The match for packets from (s) or to (d) an endpoint. */
function peerOf(side: "s" | "d", { address, port }: Endpoint): string {
  const ip = familyOf(address) === 4 ? "ip" : "ip6";
  return `${ip} ${side}addr ${canonicalAddress(address)} udp ${side}port ${port}`;
}

function bridgeFamily(b: Bridge): 4 | 6 {
  return familyOf(b.remote.address);
}

type Element = [key: string, value: string];

const addressType = (family: 4 | 6) => family === 4 ? "ipv4_addr" : "ipv6_addr";

/**
 * Keyed by the relay socket's port; the source port is set last because it is the key. A late packet of a lane is told by the
 * gate's address and port, and takes the relay socket's port along as its mark.
 */
const MAPS: { name: string; type(family: 4 | 6): string; element(b: Bridge): Element | null }[] = [
  {
    name: "bridge_local",
    type: (family) => `inet_service : ${addressType(family)}`,
    element: (b) => b.local === null ? null : [`${b.relayPort}`, canonicalAddress(b.local)],
  },
  {
    name: "bridge_remote",
    type: (family) => `inet_service : ${addressType(family)}`,
    element: (b) => [`${b.relayPort}`, canonicalAddress(b.remote.address)],
  },
  {
    name: "bridge_port",
    type: () => "inet_service : inet_service",
    element: (b) => [`${b.relayPort}`, `${b.remote.port}`],
  },
  {
    name: "late_of",
    type: (family) => `${addressType(family)} . inet_service : mark`,
    element: (b) => lateOf(b, (late) => [`${canonicalAddress(late.address)} . ${late.port}`, `${b.relayPort}`]),
  },
  {
    name: "late_remote",
    type: (family) => `mark : ${addressType(family)}`,
    element: (b) => lateOf(b, () => [`${b.relayPort}`, canonicalAddress(b.remote.address)]),
  },
  {
    name: "late_port",
    type: () => "mark : inet_service",
    element: (b) => lateOf(b, () => [`${b.relayPort}`, `${b.remote.port}`]),
  },
];

/** Packets of another family than the pair's cannot be given its addresses. */
function lateOf(b: Bridge, make: (late: Endpoint) => Element): Element | null {
  return b.late && familyOf(b.late.address) === bridgeFamily(b) ? make(b.late) : null;
}

function bridge({ bridges, wgPort, stunPort }: TableParts): string[] {
  const lines: string[] = [];
  for (const family of [4, 6] as const) {
    for (const map of MAPS) {
      const elements = bridges.filter((b) => bridgeFamily(b) === family).map((b) => map.element(b))
        .filter((e) => e !== null).map(([key, value]) => `${key} : ${value}`);
      lines.push(`map ${map.name}${family} { type ${map.type(family)};`);
      if (elements.length > 0) lines.push(`  elements = { ${elements.join(", ")} }`);
      lines.push("}");
    }
  }
  const rule = (ip: "ip" | "ip6", loopback: string, family: 4 | 6) =>
    `  oifname "lo" ${ip} saddr ${loopback} ${ip} daddr ${loopback} udp dport ${wgPort}` +
    ` ${ip} daddr set udp sport map @bridge_local${family} ${ip} saddr set udp sport map @bridge_remote${family}` +
    ` udp sport set udp sport map @bridge_port${family}`;
  lines.push("chain link_bridge { type filter hook output priority mangle;");
  lines.push(rule("ip", "127.0.0.1", 4), rule("ip6", "::1", 6), "}");
  // Answers and checks for a lane at the gate that was left are no late packets: with other addresses none would ever be up there.
  const data = stunPort === null ? "" : ` @th,96,32 != ${STUN_COOKIE}`;
  const late = (ip: "ip" | "ip6", family: 4 | 6) =>
    `  udp dport ${wgPort}${data} meta mark set ${ip} saddr . udp sport map @late_of${family}` +
    ` ${ip} saddr set meta mark map @late_remote${family}` +
    ` udp sport set meta mark map @late_port${family} meta mark set 0`;
  lines.push("chain link_late { type filter hook prerouting priority mangle;");
  lines.push("  fib daddr type != local return", late("ip", 4), late("ip6", 6), "}");
  lines.push("chain link_reroute { type route hook output priority mangle;");
  lines.push(`  oifname "lo" udp sport ${wgPort} fib daddr type != local ip dscp set 2`, "}");
  return lines;
}

function guard(iface: string, guards: readonly ForwardGuard[]): string[] {
  if (guards.length === 0) return [];
  return [
    `chain link_guard { type filter hook forward priority filter;`,
    ...guards.filter((g) => g.iface !== iface).map((g) =>
      `  meta nfproto ipv${g.family} iifname ${
        g.iface === null ? `!= "${iface}"` : `"${g.iface}"`
      } oifname != "${iface}" drop`
    ),
    `}`,
  ];
}

function lengthOf(prefix: string): number {
  return Number(canonicalPrefix(prefix).split("/")[1]);
}

function carriedRoutes(iface: string, carried: readonly CarriedRoute[]): string[] {
  if (carried.length === 0) return [];
  // Longest first: a network that keeps its senders may lie in another, or in what an exit node carries.
  const order = carried.toSorted((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix));
  const snat = !carried.some((c) => c.snat) ? [] : order.map((c) => {
    const prefix = canonicalPrefix(c.lan ?? c.prefix);
    const ip = familyOf(prefix) === 4 ? "ip" : "ip6";
    return `  iifname "${iface}" oifname != "${iface}" ${ip} daddr ${prefix} ${c.snat ? "masquerade" : "return"}`;
  });
  const aliases = carried.flatMap(({ prefix, lan }) =>
    lan === undefined ? [] : [{
      ip: familyOf(lan) === 4 ? "ip" : "ip6",
      alias: canonicalPrefix(prefix),
      own: canonicalPrefix(lan),
    }]
  );
  const inward = aliases.map(({ ip, alias, own }) =>
    `  iifname "${iface}" ${ip} daddr ${alias} dnat ${ip} prefix to ${own}`
  );
  const outward = aliases.map(({ ip, alias, own }) =>
    `  oifname "${iface}" ${ip} saddr ${own} snat ${ip} prefix to ${alias}`
  );
  return [
    `chain link_clamp { type filter hook forward priority mangle;`,
    `  iifname "${iface}" tcp flags syn tcp option maxseg size set rt mtu`,
    `  oifname "${iface}" tcp flags syn tcp option maxseg size set rt mtu`,
    `}`,
    ...(inward.length === 0 ? [] : [`chain link_alias { type nat hook prerouting priority dstnat;`, ...inward, `}`]),
    ...(snat.length + outward.length === 0
      ? []
      : [`chain link_snat { type nat hook postrouting priority srcnat;`, ...outward, ...snat, `}`]),
  ];
}
