/**
 * Routes of last resort: what is the network's own never leaves this machine in clear. Peers are routed one by one, so without
 * them a packet for a machine that is hidden, expired, revoked or not known yet would follow the default route, and so would all
 * of them in the moment in which the tunnel's device is made anew.
 *
 * - IPv6: the network's /48, which is nobody else's (RFC 4193).
 * - IPv4: each address that is a machine's of the network, or was one lately. Never the whole range: carriers' NATs, clouds and Tailscale have
 *   hosts in 100.64.0.0/10 that the default route leads to. So an address that this machine has never heard of is not covered.
 * - The prefixes that peers carry, as long as they do: one that is withdrawn is what it was before.
 *
 * They are `unreachable` (programs get an error at once), stand beside the routes into the tunnel all the time, and have a metric
 * that every other route of the same prefix is better than; a longer one is anyway. So none has to be put in place in the moment in
 * which it is needed. An address that no peer has now, and that somebody else's route leads to, is left to that one.
 */
import type { HostRoute } from "./collisions.ts";
import { contains } from "./prefix.ts";

/** An address and the day (since 1970) on which it was last a machine's. */
export type Remembered = readonly [address: string, day: number];

/** IPv4 addresses of machines that are gone are remembered up to this number, the newest. */
export const MAX_REMEMBERED = 1024;
/** And for so many days: an address that a member has chosen to be a host's of the outside is not taken from it for good. */
export const DAYS_REMEMBERED = 30;

/** What is known of the network and of this machine. */
export interface LastResortFacts {
  /** The network's /48. */
  prefix6: string;
  /** Overlay addresses that lead into the tunnel, or to this machine itself, now. */
  present: readonly string[];
  /** IPv4 addresses of machines that are known, or were. */
  known: readonly string[];
  /** Routes of others within the network's ranges. */
  foreign: readonly HostRoute[];
  /** Addresses that the daemon has to reach outside of the tunnel. */
  outside: readonly string[];
}

/** The prefixes that are to be unreachable, should nothing better lead to them. */
export function lastResort({ prefix6, present, known, foreign, outside }: LastResortFacts): string[] {
  const needed = new Set(outside);
  const left = (address: string) => needed.has(address) || foreign.some(({ prefix }) => contains(prefix, address));
  const hosts = [...present.filter((address) => !address.includes(":")), ...known.filter((address) => !left(address))];
  return [prefix6, ...new Set(hosts.map((address) => `${address}/32`))];
}

/**
 * What is remembered of the machines' IPv4 addresses, newest last.
 * @param now those that are known at this moment
 */
export function remember(before: readonly Remembered[], now: readonly string[], day: number): readonly Remembered[] {
  const known = new Map(before);
  if (now.every((address) => known.get(address) === day)) return before;
  const fresh = new Set(now);
  const kept = before.filter(([address, last]) => !fresh.has(address) && day - last <= DAYS_REMEMBERED);
  const all = [...kept, ...[...fresh].map((address): Remembered => [address, day])];
  return all.slice(Math.max(0, all.length - Math.max(MAX_REMEMBERED, fresh.size)));
}

/**
 * Metric of these routes: worse than anybody's, and for each machine of a network another one, so that two daemons of one host
 * know their own.
 * @param owner id of this machine in the network
 */
export function lastResortMetric(owner: string): number {
  let hash = 0;
  for (const char of owner) hash = (hash * 31 + char.charCodeAt(0)) % 0x1000_0000;
  return 0xe000_0000 + hash;
}
