/**
 * Transport addresses as canonical text. One address has one spelling here, so that `===` and map keys work; IPv4 mapped into
 * IPv6, zones and shortened IPv4 forms are refused, because each of them is a second spelling of something else.
 */
import ipaddr from "ipaddr.js";
import { GhostError } from "../errors.ts";

/** An address in canonical text (RFC 5952 for IPv6) and a UDP port. */
export interface TransportAddress {
  address: string;
  port: number;
}

/** 4 or 6. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/**
 * The one spelling of an address.
 * @throws GhostError `bad_input`
 */
export function canonicalAddress(text: string, place = "address"): string {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  if (text.length <= 45 && text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text)) {
    const parsed = ipaddr.IPv6.parse(text);
    if (!parsed.isIPv4MappedAddress()) return parsed.toRFC5952String();
  }
  throw new GhostError("bad_input", `Not an IP address in plain form: "${text}"`, { place });
}

/**
 * An address and a port, canonical.
 * @throws GhostError `bad_input`
 */
export function canonical({ address, port }: TransportAddress, place = "address"): TransportAddress {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new GhostError("bad_input", `Not a port: ${port}`, { place });
  }
  return { address: canonicalAddress(address, place), port };
}

/** `192.0.2.1:5` or `[2001:db8::1]:5`, as WireGuard writes endpoints; also the map key of an address. */
export function endpointText({ address, port }: TransportAddress): string {
  return familyOf(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether two canonical addresses are one. */
export function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.address === b.address;
}

/** Ranges in which no other machine can be reached by a path of ours (RFC 8445 section 5.1.1.1). */
const UNUSABLE: ReadonlySet<string> = new Set([
  "unspecified",
  "broadcast",
  "multicast",
  "linkLocal",
  "loopback",
  "discard",
  "ipv4Mapped",
]);

/** Whether a canonical address can be a candidate: not loopback, link-local, multicast or the like. */
export function isUsable(address: string): boolean {
  return !UNUSABLE.has(ipaddr.parse(address).range()) && !address.startsWith("0.");
}

/** The 4 or 16 bytes of a canonical address. */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

/**
 * The canonical text of 4 or 16 bytes.
 * @throws GhostError `bad_input` for a mapped address
 */
export function addressText(bytes: Uint8Array, place = "address"): string {
  const parsed = ipaddr.fromByteArray([...bytes]);
  if (parsed.kind() === "ipv4") return parsed.toString();
  const v6 = parsed as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) throw new GhostError("bad_input", "IPv4 mapped into IPv6", { place });
  return v6.toRFC5952String();
}
