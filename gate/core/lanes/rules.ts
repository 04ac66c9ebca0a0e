/**
 * The text of the gate's own nftables table: what makes the kernel pass lanes' packets on. The gate makes, replaces and removes
 * this one table and touches no other; packets of lanes are not tracked, so the host's conntrack does not fill with them.
 *
 * | chain | does |
 * |---|---|
 * | lanes_in | STUN at the QUIC port and lanes' control STUN go to the control socket; a packet from a proved address goes to the other end's; what else comes to a port of a lane is dropped |
 * | lanes_out | a packet of a lane leaves with the gate's address and the lane's port |
 * | control_out | the control socket's answers leave from the port that their transaction id names, other STUN from the QUIC port |
 * | lanes_guard | an interface that forwards only for our sake forwards only lanes |
 * | initials | QUIC's first packets in datagrams that are too small are dropped (initials.ts) |
 * | joined | nothing: that it is there has the kernel join fragments before lanes_in, as it does on hosts that track connections |
 *
 * A machine whose uplink is narrower than a full packet of WireGuard sends it in fragments, of which only the first has ports; and
 * what goes to such a machine has to be divided before it gets there (DIVISIBLE).
 *
 * Measured (Linux 6.18): the source has to be rewritten in postrouting, because a packet with a local source is a martian in
 * prerouting; segmentation offload survives. The mark carries the lane from one hook to the other, and tells lanes' packets from
 * the host's other forwarding. The source port is in the key of every lookup, so it may be set last only.
 */
import { LANE_WORD } from "../../../mesh/wire/lane.ts";
import { familyOf } from "../../../mesh/wire/stun/address.ts";
import { renderInitials } from "../initials.ts";
import { removeTable } from "../nft.ts";
import type { Family, LaneAddress, LanePath } from "./lane.ts";
import type { PortRange } from "./ports.ts";

/** Upper half of the marks; the lower half is the lane's port. */
export const LANE_MARK = 0x47470000;
const COOKIE = "0x2112a442";
/** What may always come at once, in KiB. */
const LEAST_BURST = 256;

export interface RuleOptions {
  /** Name of the table. */
  table: string;
  /** Every port that lanes may have, the control socket's included. */
  ports: PortRange;
  control: number;
  /** Bytes a second: what one node may send over all its lanes, and all nodes together; null is as much as they can. */
  nodeRate: number | null;
  networkRate: number | null;
  /** False where the kernel has no TPROXY: fragments are lost there, unless the host tracks connections. */
  joins: boolean;
  /** Where the QUIC server listens. */
  quic: number;
  /** Interfaces that forward only for our sake. */
  guards: readonly { iface: string | null; family: Family }[];
}

/** A lane that the kernel carries, or is about to. */
export interface Carried {
  port: number;
  /** Null while no path is proved: what comes is dropped before conntrack or a socket sees it. */
  path: LanePath | null;
  /** Numbers of the two nodes, for their rates. */
  payers: readonly [number, number];
}

/**
 * Whether the kernel can carry it: nftables does not translate between families, the gate's own addresses must be known, and what
 * comes from or goes to this very machine passes other hooks than what is forwarded.
 * @param own the gate's own addresses
 */
export function kernelCarries(path: LanePath, own: ReadonlySet<string>): boolean {
  const [a, b] = path;
  return familyOf(a.address) === familyOf(b.address) &&
    path.every(({ address, local }) => local !== null && !own.has(address));
}

/** No packet comes here; the kernel joins fragments of both families for as long as these are loaded (nft_tproxy.c). */
const JOINED = [
  `chain joined {`,
  `  meta nfproto ipv4 meta l4proto udp udp dport 0 tproxy ip to :1`,
  `  meta nfproto ipv6 meta l4proto udp udp dport 0 tproxy ip6 to :1`,
  `}`,
];

/** A transaction that replaces the whole table, with these lanes in it. */
export function renderLaneTable(o: RuleOptions, lanes: Iterable<Carried>): string {
  const range = `${o.ports.first}-${o.ports.last}`;
  const stun = `@th,96,32 ${COOKIE} @th,128,32 ${LANE_WORD}`;
  // RFC 7983: its first two bits are 0; QUIC's are not (RFC 9000 section 17, the fixed bit).
  const otherStun = `@th,64,2 0 @th,96,32 ${COOKIE} @th,128,32 != ${LANE_WORD}`;
  const body = [
    `counter forwarded { }`,
    `counter unproved { }`,
    `counter limited { }`,
    // One for both families.
    ...(o.networkRate === null ? [] : [`limit everybody { ${over(o.networkRate)} }`]),
    `set active { type inet_service; }`,
    `set data { type inet_service; size 65535; flags dynamic; counter; }`,
    `map marks { type inet_service : mark; }`,
    `map ports { type mark : inet_service; }`,
    `set rates { type mark; size 65535; flags dynamic,timeout; timeout 1m; }`,
    ...([4, 6] as const).flatMap((family) => [...familySets(family), ...carryChain(family, o)]),
    `chain lanes_in { type filter hook prerouting priority raw; policy accept;`,
    `  udp dport ${o.quic} ${otherStun} fib daddr type local notrack udp dport set ${o.control} return`,
    `  udp dport != ${range} return`,
    `  fib daddr type != local return`,
    `  ${stun} notrack udp dport set ${o.control} return`,
    `  ip saddr . udp sport . udp dport @ends4 goto carry4`,
    `  ip6 saddr . udp sport . udp dport @ends6 goto carry6`,
    `  udp dport @active counter name unproved drop`,
    `}`,
    `chain leave {`,
    `  ip saddr set meta mark . ip daddr . udp dport map @from4`,
    `  ip6 saddr set meta mark . ip6 daddr . udp dport map @from6`,
    `  udp sport set meta mark map @ports`,
    `}`,
    `chain lanes_out { type filter hook postrouting priority raw; policy accept;`,
    `  meta mark & 0xffff0000 == ${LANE_MARK} goto leave`,
    `}`,
    // Another TTL than the data's: GRO would join an answer with the data that it follows.
    `chain control_out { type filter hook output priority raw; policy accept;`,
    `  udp sport ${o.control} ${stun} meta nfproto ipv4 ip ttl set 255`,
    `  udp sport ${o.control} ${stun} meta nfproto ipv6 ip6 hoplimit set 255`,
    `  udp sport ${o.control} ${stun} notrack udp sport set @th,160,16 return`,
    `  udp sport ${o.control} ${otherStun} notrack udp sport set ${o.quic}`,
    `}`,
    ...guard(o),
    ...(o.joins ? JOINED : []),
    ...renderInitials(o.quic),
  ];
  const elements = renderLaneChange(o.table, [], [...lanes]);
  return `${removeTable(o.table)}table inet ${o.table} {\n${body.join("\n")}\n}\n${elements}`;
}

function familySets(family: Family): string[] {
  const address = `ipv${family}_addr`;
  const from = `${address} . inet_service . inet_service`;
  return [
    `set ends${family} { type ${from}; }`,
    `map addr${family} { type ${from} : ${address}; }`,
    `map port${family} { type ${from} : inet_service; }`,
    `map payer${family} { type ${from} : mark; }`,
    `map from${family} { type mark . ${address} . inet_service : ${address}; }`,
  ];
}

/**
 * A bound on bytes a second. nftables lets through a second's worth at once, and `burst` on top of it (Linux, nft_limit.c), which
 * is asked for only where the second's worth is less than a few joined packets.
 */
function over(rate: number): string {
  const kbytes = Math.max(1, Math.ceil(rate / 1024));
  const burst = kbytes < LEAST_BURST ? ` burst ${LEAST_BURST - kbytes} kbytes` : "";
  return `rate over ${kbytes} kbytes/second${burst}`;
}

/**
 * Behind the gate a whole packet may be divided where the way gets narrower, as the kernel's own WireGuard lets it be: a router's
 * word that it is too long would come to the gate, and not to who sent it.
 */
const DIVISIBLE = `  ip frag-off 0x4000 ip frag-off set 0`;

function carryChain(family: Family, o: RuleOptions): string[] {
  const ip = family === 4 ? "ip" : "ip6";
  const from = `${ip} saddr . udp sport . udp dport`;
  return [
    `chain carry${family} {`,
    ...(o.nodeRate === null ? [] : [
      `  meta mark set ${from} map @payer${family}`,
      `  update @rates { meta mark limit ${over(o.nodeRate)} } counter name limited drop`,
    ]),
    ...(o.networkRate === null ? [] : [`  limit name "everybody" counter name limited drop`]),
    // WireGuard's transport data with something in it (type 4; 40 bytes are an empty one, a keepalive).
    `  @th,64,32 0x04000000 udp length > 40 update @data { udp dport }`,
    `  counter name forwarded`,
    ...(family === 4 ? [DIVISIBLE] : []),
    `  meta mark set udp dport map @marks`,
    `  ${ip} daddr set ${from} map @addr${family}`,
    `  udp dport set ${from} map @port${family}`,
    `  notrack`,
    `}`,
  ];
}

function guard(o: RuleOptions): string[] {
  if (o.guards.length === 0) return [];
  return [
    `chain lanes_guard { type filter hook forward priority filter; policy accept;`,
    `  meta mark & 0xffff0000 == ${LANE_MARK} return`,
    ...o.guards.map((g) => `  meta nfproto ipv${g.family}${g.iface === null ? "" : ` iifname "${g.iface}"`} drop`),
    `}`,
  ];
}

/** A transaction from some lanes to others within the loaded table; "" when there is nothing to do. */
export function renderLaneChange(table: string, gone: readonly Carried[], come: readonly Carried[]): string {
  const lines = (verb: "add" | "delete", lanes: readonly Carried[]) =>
    SETS.flatMap((set) => {
      const keys = lanes.flatMap((lane) => set.elements(lane));
      if (keys.length === 0) return [];
      const list = keys.map(([key, value]) => verb === "add" && value !== null ? `${key} : ${value}` : key);
      return [`${verb} element inet ${table} ${set.name} { ${list.join(", ")} }\n`];
    });
  return [...lines("delete", gone), ...lines("add", come)].join("");
}

type Element = [key: string, value: string | null];

const from = (a: LaneAddress, port: number) => `${a.address} . ${a.port} . ${port}`;
const markOf = (port: number) => `${LANE_MARK + port}`;

/** Elements for packets of each end, from `own` to `other`. */
function each(
  { path }: Carried,
  family: Family,
  make: (path: LanePath, own: 0 | 1, other: 0 | 1) => Element,
): Element[] {
  if (path === null || familyOf(path[0].address) !== family) return [];
  return [make(path, 0, 1), make(path, 1, 0)];
}

const once = (lane: Carried, element: Element): Element[] => lane.path === null ? [] : [element];

const SETS: { name: string; elements(lane: Carried): Element[] }[] = [
  { name: "active", elements: (l) => [[`${l.port}`, null]] },
  { name: "data", elements: (l) => once(l, [`${l.port}`, null]) },
  { name: "marks", elements: (l) => once(l, [`${l.port}`, markOf(l.port)]) },
  { name: "ports", elements: (l) => once(l, [markOf(l.port), `${l.port}`]) },
  ...([4, 6] as const).flatMap((family) => [
    {
      name: `addr${family}`,
      elements: (l: Carried) => each(l, family, (path, own, other) => [from(path[own], l.port), path[other].address]),
    },
    {
      name: `port${family}`,
      elements: (l: Carried) => each(l, family, (path, own, other) => [from(path[own], l.port), `${path[other].port}`]),
    },
    {
      name: `payer${family}`,
      elements: (l: Carried) => each(l, family, (path, own) => [from(path[own], l.port), `${l.payers[own]}`]),
    },
    {
      name: `from${family}`,
      elements: (l: Carried) =>
        each(l, family, (path, own) => {
          const { address, port, local } = path[own];
          return [`${markOf(l.port)} . ${address} . ${port}`, local];
        }),
    },
    {
      name: `ends${family}`,
      elements: (l: Carried) => each(l, family, (path, own) => [from(path[own], l.port), null]),
    },
  ]),
];
