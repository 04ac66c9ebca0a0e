/**
 * `"internet"` in a rule's `to`: what lies beyond the network, reached through an exit node. Private and special addresses
 * are not part of it (RFC 6890), so that an exit node opens nobody's LAN: whoever is to reach one of those needs a rule and a
 * route that name it (headscale 3169).
 */
import type { Compiled } from "./compile.ts";
import { intersect, parsePrefix, type Range, subtract, toPrefixes } from "./prefix.ts";

/** RFC 1122, 1918, 2544, 3068, 3927, 5737, 5771, 6598, 6890; broadcast. */
const SPECIAL_4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** All global unicast addresses (RFC 4291, section 2.4), without the ways that lead into IPv4 (6to4, RFC 3056). */
const GLOBAL_6 = "2000::/3";
const SPECIAL_6 = ["2002::/16"];

const rangeOf = (text: string) => parsePrefix(text) as Range;

/** The internet as rules mean it. */
export const INTERNET: readonly Range[] = [
  ...subtract(rangeOf("0.0.0.0/0"), SPECIAL_4.map(rangeOf)),
  ...subtract(rangeOf(GLOBAL_6), SPECIAL_6.map(rangeOf)),
];

/** A network never changes once it is compiled, so what lies beyond it is worked out once. */
const known = new WeakMap<Compiled, readonly Range[]>();

/** The internet without what is somebody's in the network: machines' own addresses, and routes, which are always longer. */
export function internetOf(compiled: Compiled): readonly Range[] {
  let beyond = known.get(compiled);
  if (beyond === undefined) known.set(compiled, beyond = without(compiled));
  return beyond;
}

function without({ machines, routes }: Compiled): readonly Range[] {
  const taken = [...[...machines.values()].flatMap(({ own }) => own), ...routes.map(({ range }) => range)];
  const near = taken.filter((range) => INTERNET.some((part) => intersect(part, range)));
  return near.length === 0 ? INTERNET : INTERNET.flatMap((part) => subtract(part, near));
}

/** What lies beyond the network, as prefixes: what an exit node may send to those who use it, and get of them. */
export function internetBeyond(compiled: Compiled): string[] {
  return toPrefixes(internetOf(compiled));
}
