/** One spelling per address and prefix, because plans compare what we want with what tools print. */
import ipaddr from "ipaddr.js";
import { networkOf } from "../../../mesh/trust/prefix.ts";

/** The usual spelling of an address (RFC 5952 for IPv6). */
export function canonicalAddress(text: string): string {
  return ipaddr.parse(text).toString();
}

/** `ADDRESS/LENGTH` in its usual spelling, host bits kept; a bare address gets its full length. */
export function canonicalInterface(text: string): string {
  const [address, bits] = split(text);
  return `${address.toString()}/${bits}`;
}

/** `NETWORK/LENGTH` in its usual spelling, host bits cleared; a bare address gets its full length. */
export function canonicalPrefix(text: string): string {
  const [address, bits] = split(text);
  return `${networkOf(address, bits).toString()}/${bits}`;
}

/** True when the address lies in the prefix. */
export function contains(prefix: string, address: string): boolean {
  const [network, bits] = ipaddr.parseCIDR(prefix);
  const ip = ipaddr.parse(address);
  return ip.kind() === network.kind() && ip.match(network, bits);
}

/** 4 or 6. */
export function familyOf(text: string): 4 | 6 {
  return text.includes(":") ? 6 : 4;
}

function split(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
