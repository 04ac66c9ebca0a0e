/** Which outer addresses of a router are believed: those at which the internet can reach it. */
import ipaddr from "ipaddr.js";
import { canonicalAddress } from "../stun/address.ts";

/**
 * Ranges in which a router's outer address is not on the internet. `reserved` also holds what documents use as examples, and
 * is judged by itself.
 */
const INSIDE: ReadonlySet<string> = new Set([
  "unspecified",
  "broadcast",
  "multicast",
  "linkLocal",
  "loopback",
  "carrierGradeNat",
  "private",
]);

/**
 * Why this outer IPv4 address cannot be a candidate, or null. A router behind another NAT names an address of that one's
 * network: a mapping there leads nowhere, so it is said instead of offered.
 * @param overlay whether an address belongs to the network's own range
 */
export function refusedExternal(address: string, overlay: (address: string) => boolean): string | null {
  let plain: string;
  try {
    plain = canonicalAddress(address, "external address");
  } catch {
    return "the router names no address";
  }
  if (plain.includes(":")) return "the router names no IPv4 address";
  if (overlay(plain)) return `the router names ${plain}, an address of this network`;
  const range = ipaddr.parse(plain).range();
  if (range === "carrierGradeNat" || range === "private") {
    return `the router itself is behind a NAT (its outer address is ${plain})`;
  }
  const first = Number(plain.split(".")[0]);
  if (INSIDE.has(range) || first === 0 || first >= 224) return `the router names ${plain}, which nobody can reach`;
  return null;
}
