/**
 * Addresses and routes of this machine that lie in the network's own range: a carrier's NAT on 100.64.0.0/10, another VPN such as
 * Tailscale. Peers are routed one by one, so mostly nothing is wrong; where something is, it is named with what it means.
 */
import { contains } from "./prefix.ts";

/** A route of somebody else, in any table. */
export interface HostRoute {
  /** With its length; a default route is none. */
  prefix: string;
  iface: string;
}

/** What is compared. */
export interface CollisionFacts {
  /** The network's ranges, such as 100.64.0.0/10. */
  ranges: readonly string[];
  /** Addresses of this machine outside of the tunnel. */
  addresses: readonly { address: string; iface: string }[];
  routes: readonly HostRoute[];
  peers: readonly { name: string; addresses: readonly string[] }[];
  /** The interface by which packets for a peer's address really leave. */
  leavesBy: ReadonlyMap<string, string>;
}

/** Whole-internet routes of VPNs come in halves; what is shorter than this is about everything and nothing. */
const SHORTEST = 8;
/** Prefixes and peers that one sentence names. */
const NAMED = 3;

/** The peers' addresses that lie in somebody else's route, of which `leavesBy` has to know. */
export function doubtfulPeers(f: Pick<CollisionFacts, "routes" | "ranges" | "peers">): string[] {
  const routes = colliding(f);
  return f.peers.flatMap(({ addresses }) => addresses).filter((a) => routes.some(({ prefix }) => contains(prefix, a)));
}

/** One sentence for each interface that collides. */
export function collisions(f: CollisionFacts): string[] {
  const routes = Map.groupBy(colliding(f), ({ iface }) => iface);
  const own = Map.groupBy(
    f.addresses.filter(({ address }) => f.ranges.some((range) => contains(range, address))),
    ({ iface }) => iface,
  );
  return [...new Set([...own.keys(), ...routes.keys()])].sort().map((iface) => {
    const prefixes = (routes.get(iface) ?? []).map(({ prefix }) => prefix);
    const addresses = (own.get(iface) ?? []).map(({ address }) => address);
    const what = [
      ...(addresses.length > 0 ? [`has ${some(addresses)}`] : []),
      ...(prefixes.length > 0 ? [`leads ${some(prefixes)}`] : []),
    ].join(" and ");
    const range = f.ranges.find((r) => [...prefixes, ...addresses].some((p) => overlap(r, p))) ?? f.ranges[0]!;
    return `${iface} ${what}, in the network's own range ${range}: ${meaning(iface, { prefixes, addresses }, f)}`;
  });
}

function meaning(
  iface: string,
  { prefixes, addresses }: { prefixes: string[]; addresses: string[] },
  f: CollisionFacts,
): string {
  const peers = f.peers.flatMap(({ name, addresses }) => addresses.map((address) => ({ name, address })));
  const text = (list: typeof peers) => some(list.map(({ name, address }) => `${name} (${address})`));
  const lost = peers.filter(({ address }) =>
    addresses.includes(address) ||
    (f.leavesBy.get(address) === iface && prefixes.some((prefix) => contains(prefix, address)))
  );
  const hiding = peers.filter((p) => !lost.includes(p) && prefixes.some((prefix) => contains(prefix, p.address)));
  const parts: string[] = [];
  if (lost.length > 0) parts.push(`${text(lost)} cannot be reached by that address, its other one goes on working`);
  if (hiding.length > 0) parts.push(`${text(hiding)} hides the host with the same address there`);
  if (parts.length === 0) parts.push("no peer has such an address now");
  if (/^tailscale/.test(iface)) {
    parts.push(
      "Tailscale's firewall drops what comes from 100.64.0.0/10 by other interfaces, so peers' IPv4 may not come in: " +
        "use their IPv6 addresses, tailscale set --netfilter-mode=off, or another range (genesis)",
    );
  }
  return parts.join("; ");
}

/** Routes of others that lead somewhere in the network's ranges. */
export function colliding({ routes, ranges }: Pick<CollisionFacts, "routes" | "ranges">): HostRoute[] {
  const seen = new Set<string>();
  return routes.filter(({ prefix, iface }) => {
    const key = `${iface} ${prefix}`;
    if (seen.has(key) || Number(prefix.split("/")[1]) < SHORTEST) return false;
    seen.add(key);
    return ranges.some((range) => overlap(range, prefix));
  });
}

function some(list: readonly string[]): string {
  const more = list.length - NAMED;
  return `${list.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Whether a prefix (or address) and a range have addresses in common. */
function overlap(range: string, other: string): boolean {
  const [address, length] = other.split("/") as [string, string | undefined];
  if (contains(range, address)) return true;
  return length !== undefined && contains(other, range.split("/")[0]!);
}
