/** Address prefixes with one spelling each: RFC 5952 text, no host bits, no IPv4 inside IPv6. */
import ipaddr from "ipaddr.js";
import { type ErrorCode, GhostError } from "../wire/errors.ts";

/** A parsed prefix. */
export interface Prefix {
  readonly text: string;
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly length: number;
}

// Packets to these never belong into a tunnel, whoever says so.
const NEVER = new Set(["loopback", "multicast", "linkLocal", "unspecified", "broadcast", "ipv4Mapped", "rfc6145"]);

/**
 * Reads a prefix in canonical form.
 * @throws GhostError with `code`, saying the canonical form where there is one
 */
export function readPrefix(text: string, o: { place: string; code: ErrorCode }): Prefix {
  let address: ipaddr.IPv4 | ipaddr.IPv6, length: number;
  try {
    [address, length] = ipaddr.parseCIDR(text);
  } catch {
    throw new GhostError(o.code, `Not an address prefix: "${text}"`, { place: o.place });
  }
  const network = networkOf(address, length);
  const canonical = `${network.toString()}/${length}`;
  if (canonical !== text) throw new GhostError(o.code, `Expected "${canonical}", found "${text}"`, { place: o.place });
  if (length > 0 && NEVER.has(network.range())) {
    throw new GhostError(o.code, `"${text}" cannot be routed (${network.range()})`, { place: o.place });
  }
  return { text, address: network, length };
}

/** The address with its host bits cleared. */
export function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, length: number): ipaddr.IPv4 | ipaddr.IPv6 {
  const bytes = address.toByteArray();
  for (let i = 0; i < bytes.length; i++) {
    const keep = Math.max(0, Math.min(8, length - i * 8));
    bytes[i]! &= 0xff << (8 - keep);
  }
  return ipaddr.fromByteArray(bytes);
}

/** Whether `inner` lies within `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.address.kind() !== inner.address.kind() || inner.length < outer.length) return false;
  return networkOf(inner.address, outer.length).toString() === outer.address.toString();
}

/** Whether an address in canonical text lies within `outer`. */
export function containsAddress(outer: Prefix, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  return contains(outer, { text: address, address: parsed, length: parsed.kind() === "ipv4" ? 32 : 128 });
}
