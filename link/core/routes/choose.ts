/**
 * One carrier a prefix, and none that would cut this machine off from where it is. Healthy ones come first, then the lowest
 * metric, then the nearest; among equals the one in use stays, unless another is clearly nearer. Prefixes within each other
 * need no choice: kernel, WireGuard and filter all take the longest.
 */
import ipaddr from "ipaddr.js";
import { contains } from "../plan/prefix.ts";

/** A route as an admin has signed it, or the policy approved it. */
export interface RouteOffer {
  prefix: string;
  /** Id of the node that carries it. */
  node: string;
  metric: number;
  snat: boolean;
  /** What it is at its carrier, when that differs. */
  lan?: string | undefined;
}

/** A route as this machine treats it. */
export interface RouteUse {
  route: RouteOffer;
  active: boolean;
  reason: string | null;
  /** It would cut this machine off from where it is: worth a warning. */
  refused: boolean;
}

/** What is known of the machine and of the carriers. */
export interface RouteFacts {
  theirs: readonly RouteOffer[];
  mine: readonly RouteOffer[];
  /** This machine's own addresses outside of the tunnel. */
  own: readonly string[];
  /** Next hops of this machine outside of the tunnel. */
  gateways: readonly string[];
  /** Addresses of the coordinator. */
  coordinator: readonly string[];
  carrier(id: string): { up: boolean; rttMs: number | null };
  /** Carrier of each prefix at the last choice. */
  current: ReadonlyMap<string, string>;
}

/** Addresses that many sites have. */
const SITE = new Set(["private", "uniqueLocal", "carrierGradeNat"]);

/**
 * Whether a path to this address of a peer would lead through the tunnel, by another peer that carries the site in which it lies: such
 * a path is no direct one, and ends with that carrier. Public addresses within a carried prefix are reached past the tunnel.
 * @param others routes of this machine that are not the tunnel's: a longer one, or one as long, leads there itself
 */
export function leadsThroughCarrier(
  address: string,
  { uses, others }: { uses: readonly RouteUse[]; others: readonly { prefix: string }[] },
): boolean {
  if (!SITE.has(ipaddr.parse(address).range())) return false;
  const longest = (prefixes: readonly string[]) =>
    Math.max(
      -1,
      ...prefixes.filter((prefix) => contains(prefix, address)).map((prefix) => ipaddr.parseCIDR(prefix)[1]),
    );
  const carried = longest(uses.filter((use) => use.active).map((use) => use.route.prefix));
  return carried > longest(others.map(({ prefix }) => prefix));
}

/** Another carrier is clearly nearer when its round trip is at most this part of the one in use, and this many ms shorter. */
const NEARER = { part: 0.7, ms: 5 };

/** What becomes of each route; in the order of choice. */
export function chooseRoutes(facts: RouteFacts): RouteUse[] {
  const groups = Map.groupBy(facts.theirs, (route) => route.prefix);
  return [...groups].flatMap(([prefix, routes]) => {
    const none = (reason: string, refused: boolean) =>
      routes.map((route) => ({ route, active: false, reason, refused }));
    if (facts.mine.some((r) => r.prefix === prefix)) return none("this machine carries the prefix itself", false);
    const why = refusal(prefix, facts);
    if (why !== null) return none(why, true);
    const [first, ...others] = ranked(routes, facts);
    return [
      { route: first!, active: true, reason: null, refused: false },
      ...others.map((route) => ({ route, active: false, reason: whyNot(route, first!, facts), refused: false })),
    ];
  });
}

function refusal(prefix: string, { own, gateways, coordinator }: RouteFacts): string | null {
  const within = (addresses: readonly string[]) => addresses.find((address) => contains(prefix, address));
  const inside = within(own);
  if (inside !== undefined) {
    return `this machine is inside the prefix (${inside}): its LAN and the route have the same addresses`;
  }
  const gateway = within(gateways);
  if (gateway !== undefined) return `this machine's own gateway is inside the prefix (${gateway})`;
  const server = within(coordinator);
  return server === undefined
    ? null
    : `the coordinator is inside the prefix (${server}) and has to be reached outside of the tunnel: route longer prefixes that leave it out`;
}

function ranked(routes: readonly RouteOffer[], { carrier, current }: RouteFacts): RouteOffer[] {
  const rtt = (r: RouteOffer) => carrier(r.node).rttMs ?? Infinity;
  const order = routes.toSorted((a, b) =>
    Number(carrier(b.node).up) - Number(carrier(a.node).up) || a.metric - b.metric ||
    (rtt(a) === rtt(b) ? 0 : rtt(a) - rtt(b)) || (a.node < b.node ? -1 : 1)
  );
  const best = order[0]!;
  const held = order.find((r) => r.node === current.get(r.prefix));
  if (!held || held === best || held.metric !== best.metric || carrier(held.node).up !== carrier(best.node).up) {
    return order;
  }
  const nearer = rtt(best) <= rtt(held) * NEARER.part && rtt(best) <= rtt(held) - NEARER.ms;
  return nearer ? order : [held, ...order.filter((r) => r !== held)];
}

function whyNot(route: RouteOffer, chosen: RouteOffer, { carrier }: RouteFacts): string {
  if (!carrier(route.node).up && carrier(chosen.node).up) {
    return "its carrier cannot be reached; another one carries it";
  }
  if (route.metric !== chosen.metric && carrier(route.node).up === carrier(chosen.node).up) {
    return "another machine carries it with a better metric";
  }
  return "stands by: another machine of the same metric carries it";
}

/** Routes whose prefixes hold each other, as sentences: the longer one wins, which may not be what was meant. */
export function overlaps(routes: readonly RouteOffer[]): string[] {
  const prefixes = [...new Set(routes.map((r) => r.prefix))].sort();
  return prefixes.flatMap((inner) =>
    prefixes.filter((outer) => inner !== outer && !isDefault(outer) && holds(outer, inner)).map((outer) =>
      `the route ${inner} lies within ${outer}: for its addresses the longer prefix wins`
    )
  );
}

function isDefault(prefix: string): boolean {
  return prefix.endsWith("/0");
}

function holds(outer: string, inner: string): boolean {
  const [network, length] = ipaddr.parseCIDR(inner);
  return length > ipaddr.parseCIDR(outer)[1] && contains(outer, network.toString());
}
