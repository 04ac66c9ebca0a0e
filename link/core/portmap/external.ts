/** Which outer addresses of a router are believed: those at which the internet can reach it. */
import ipaddr from "ipaddr.js";
import { canonicalAddress } from "../../../mesh/wire/stun/address.ts";

/** Ranges in which nobody is. `reserved` also holds what documents use as examples, so the rest of it is told by its numbers. */
const UNREACHABLE: ReadonlySet<string> = new Set(["unspecified", "broadcast", "multicast", "linkLocal", "loopback"]);

/** Whether a canonical IPv4 address is one of a network behind a NAT. */
export function isInside(address: string): boolean {
  const range = ipaddr.parse(address).range();
  return range === "private" || range === "carrierGradeNat";
}

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
  if (isInside(plain)) {
    return `the router itself is behind a NAT (its outer address is ${plain})`;
  }
  const first = Number(plain.split(".")[0]);
  if (UNREACHABLE.has(ipaddr.parse(plain).range()) || first === 0 || first >= 224) {
    return `the router names ${plain}, which nobody can reach`;
  }
  return null;
}
