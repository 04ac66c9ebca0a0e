/**
 * An exit node in use, as rules and one table of routes: what this machine sends goes into the tunnel unless an earlier rule
 * says otherwise. Everything carries our protocol number, and the priorities and the table follow from the tunnel's name, so
 * that a later start knows what a crash left.
 *
 * | rule | what | way |
 * |---|---|---|
 * | 0 | WireGuard's own packets, by its fwmark | as without the exit (table main) |
 * | 0 | the network's own ranges and the routes in use, whether the exit is there or not | main but its default routes, then on |
 * | 1 | the daemon's sockets: by source port (ICE, questions about our own names), or by address, protocol and port (gates, coordinator) | main |
 * | 2 | link-local and container networks, and those that this machine carries; with `lan` all routes of main but the default ones | main |
 * | 3 | all else | the table: `default` into the tunnel, and behind it `unreachable`: for a family that the exit does not have, and for when the tunnel's device goes and the kernel takes its routes along |
 *
 * A machine in several networks has a tunnel of each. What goes past an exit comes before all rules that lead into one (order
 * 3 has priorities of its own), and a tunnel without an exit has orders 0 to 2 too while another tunnel's exit is in use: else
 * its daemon, its addresses and its routes would be led into that one.
 *
 * Rules by source port and by destination are looked at when a socket chooses its address, so its packets have the address
 * of the way that they take. A mark set by nft in a route chain comes too late for that: the packet would leave with the
 * tunnel's address (tried). The family that the exit lacks is refused and never left to the way of before.
 */
import { canonicalAddress, canonicalPrefix, familyOf } from "./prefix.ts";
import { ROUTE_PROTOCOL } from "./routes.ts";

/** WireGuard's fwmark: "gh" in the upper half, none of the bits that Docker and Kubernetes use. */
export const EXIT_MARK = 0x67680000;
/** Metrics of the table's routes: what is unreachable stands behind the tunnel. */
const METRIC = { tunnel: 18_700, unreachable: 18_900 };
const LINK_LOCAL = ["fe80::/10", "ff00::/8"];

/** Somebody whom the daemon itself talks to. */
export interface ExitService {
  address: string;
  protocol: "tcp" | "udp";
  port: number;
}

/** An exit node in use, or what has to pass that of another tunnel. */
export interface DesiredExit {
  /** False: only this tunnel's own is led past another tunnel's exit. */
  use: boolean;
  /** What goes through it; the other family is blocked. */
  ipv4: boolean;
  ipv6: boolean;
  /** The LAN is reached as before. */
  lan: boolean;
  /** Own IPv4 address on the tunnel, which locally started traffic gets. */
  source: string | null;
  /** UDP ports of sockets of this daemon that send past the exit. */
  ports: readonly number[];
  services: readonly ExitService[];
  /** Networks of this machine's own containers and virtual machines. */
  containers: readonly string[];
  /** Networks that this machine carries for others. */
  carried: readonly string[];
  /** What the network has itself: its ranges, and the routes in use. */
  overlay: readonly string[];
}

/** A rule, without its family. */
export interface ExitRule {
  /** 0 to 3, as in the table above. */
  order: number;
  fwmark?: number;
  to?: string;
  protocol?: "tcp" | "udp";
  sport?: number;
  dport?: number;
  /** Only routes longer than this count. */
  suppress?: number;
  /** The exit's table; otherwise main. */
  exit: boolean;
}

/** A default route of the table. */
export type ExitRoute = { kind: "tunnel"; source: string | null; metric: number } | {
  kind: "unreachable";
  metric: number;
};

/** One family of what is there, or should be. */
export interface ExitFamily {
  rules: readonly ExitRule[];
  routes: readonly ExitRoute[];
}

/** Both families, IPv4 first. */
export type ExitState = readonly [ExitFamily, ExitFamily];

/** Nothing at all. */
export const NO_EXIT: ExitState = [{ rules: [], routes: [] }, { rules: [], routes: [] }];

/** Tunnels are told apart by as many numbers. */
const TUNNELS = 200;
/** The first priority of rules that lead past an exit, of rules that lead into one, and the first table. */
const FIRST = { past: 6000, into: 6000 + TUNNELS * 4, table: 20_700 };

/** Numbers of a tunnel: priorities of the first rule past the exit and of the one into it, and the table. */
export function exitNumbers(iface: string): { priority: number; into: number; table: number } {
  let hash = 0;
  for (const char of iface) hash = (hash * 31 + char.charCodeAt(0)) % TUNNELS;
  return { priority: FIRST.past + hash * 4, into: FIRST.into + hash, table: FIRST.table + hash };
}

/** Order of the rule of this priority, and its tunnel's table; null when no tunnel has it. */
export function exitOrder(priority: number): { order: number; table: number } | null {
  if (priority >= FIRST.into && priority < FIRST.into + TUNNELS) {
    return { order: 3, table: FIRST.table + priority - FIRST.into };
  }
  const at = priority - FIRST.past;
  if (at < 0 || at >= TUNNELS * 4 || at % 4 === 3) return null;
  return { order: at % 4, table: FIRST.table + Math.floor(at / 4) };
}

/** What should be there; null: no exit. */
export function exitState(wanted: DesiredExit | null): ExitState {
  if (wanted === null) return NO_EXIT;
  return [familyState(wanted, 4), familyState(wanted, 6)];
}

function familyState(wanted: DesiredExit, family: 4 | 6): ExitFamily {
  const mine = (text: string) => familyOf(text) === family;
  const past: ExitRule[] = [
    ...wanted.ports.map((sport): ExitRule => ({ order: 1, protocol: "udp", sport, exit: false })),
    ...wanted.services.filter(({ address }) => mine(address)).map(({ address, protocol, port }): ExitRule => ({
      order: 1,
      to: canonicalPrefix(address),
      protocol,
      dport: port,
      exit: false,
    })),
  ];
  const near = [
    ...(wanted.use && family === 6 ? LINK_LOCAL : []),
    ...[...wanted.containers, ...wanted.carried].filter(mine),
  ];
  const through = family === 4 ? wanted.ipv4 : wanted.ipv6;
  const source = family === 4 && wanted.source !== null ? canonicalAddress(wanted.source) : null;
  return {
    rules: [
      { order: 0, fwmark: EXIT_MARK, exit: false },
      // Not beside the rule for the LAN: the kernel takes one that says the same but names no destination for one of these.
      ...wanted.overlay.filter(mine).map((to): ExitRule => ({
        order: 0,
        to: canonicalPrefix(to),
        suppress: 0,
        exit: false,
      })),
      ...past,
      ...near.map((to): ExitRule => ({ order: 2, to: canonicalPrefix(to), exit: false })),
      ...(wanted.lan ? [{ order: 2, suppress: 0, exit: false }] : []),
      ...(wanted.use ? [{ order: 3, exit: true }] : []),
    ],
    routes: !wanted.use ? [] : [
      { kind: "unreachable", metric: METRIC.unreachable },
      ...(through ? [{ kind: "tunnel" as const, source, metric: METRIC.tunnel }] : []),
    ],
  };
}

/**
 * Lines for `ip -batch` from one state to another. What lets the daemon past comes before what leads all else into the tunnel,
 * and goes after it.
 */
export function planExit(iface: string, desired: ExitState, observed: ExitState): string[] {
  return ([0, 1] as const).flatMap((f) => {
    const lines = (rules: readonly ExitRule[]) => new Map(rules.map((rule) => [ruleText(iface, rule), rule.order]));
    const [want, have] = [lines(desired[f].rules), lines(observed[f].rules)];
    const sorted = (of: Map<string, number>, without: Map<string, number>) =>
      [...of].filter(([text]) => !without.has(text)).sort(([, a], [, b]) => a - b).map(([text]) => text);
    const flag = f === 0 ? "-4" : "-6";
    const routes = routeLines(iface, desired[f].routes, observed[f].routes);
    return [
      ...routes.add.map((line) => `${flag} ${line}`),
      ...sorted(want, have).map((text) => `${flag} rule add ${text}`),
      ...sorted(have, want).reverse().map((text) => `${flag} rule del ${text}`),
      ...routes.del.map((line) => `${flag} ${line}`),
    ];
  });
}

/** Nothing goes before what stands for it is there, nor before the rules that lead to it. */
function routeLines(iface: string, desired: readonly ExitRoute[], observed: readonly ExitRoute[]) {
  const { table } = exitNumbers(iface);
  const text = (route: ExitRoute) =>
    route.kind === "unreachable"
      ? `unreachable default table ${table} proto ${ROUTE_PROTOCOL} metric ${route.metric}`
      : `default dev ${iface} table ${table} proto ${ROUTE_PROTOCOL} metric ${route.metric}${
        route.source === null ? "" : ` src ${route.source}`
      }`;
  const there = observed.map(text);
  // One of the same kind and metric is replaced, so it is not there to be deleted any more.
  const stays = (route: ExitRoute) =>
    desired.some(({ kind, metric }) => kind === route.kind && metric === route.metric);
  return {
    add: desired.map(text).filter((line) => !there.includes(line)).map((line) => `route replace ${line}`),
    del: observed.filter((route) => !stays(route)).map((route) => `route del ${text(route)}`),
  };
}

function ruleText(iface: string, rule: ExitRule): string {
  const { priority, into, table } = exitNumbers(iface);
  return [
    `pref ${rule.exit ? into : priority + rule.order}`,
    ...(rule.to === undefined ? [] : [`to ${rule.to}`]),
    ...(rule.fwmark === undefined ? [] : [`fwmark 0x${rule.fwmark.toString(16)}`]),
    ...(rule.protocol === undefined ? [] : [`ipproto ${rule.protocol}`]),
    ...(rule.sport === undefined ? [] : [`sport ${rule.sport}`]),
    ...(rule.dport === undefined ? [] : [`dport ${rule.dport}`]),
    `lookup ${rule.exit ? table : "main"}`,
    ...(rule.suppress === undefined ? [] : [`suppress_prefixlength ${rule.suppress}`]),
    `protocol ${ROUTE_PROTOCOL}`,
  ].join(" ");
}
