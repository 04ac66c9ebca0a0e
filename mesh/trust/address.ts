/**
 * Addresses that follow from ids, so that nobody hands them out and nobody can take one over.
 *
 * IPv6: `fd`, 5 bytes of SHA-256(network id), 10 bytes of the node id. 80 bits of a hash cannot be ground.
 * IPv4: the range's base + SHA-256("NET NODE COUNTER") mod its size; counters 0 to 15 settle collisions. A range of 22 bits
 * can be ground, so an IPv4 address says nothing of who holds it: first seen keeps it, and a `node` entry settles it.
 */
import ipaddr from "ipaddr.js";
import { fromBase32 } from "../wire/encoding.ts";
import { sha256 } from "./keys.ts";
import { readPrefix } from "./prefix.ts";

/** IPv4 range of a network whose genesis says nothing else (RFC 6598). */
export const DEFAULT_IPV4 = "100.64.0.0/10";
/** How many IPv4 addresses a node may try. */
const IPV4_COUNTERS = 16;

async function networkBytes(net: string): Promise<number[]> {
  return [0xfd, ...(await sha256(net)).subarray(0, 5)];
}

/** The network's /48. */
export async function networkPrefix6(net: string): Promise<string> {
  return `${ipaddr.fromByteArray([...await networkBytes(net), ...new Array(10).fill(0)]).toString()}/48`;
}

/** A node's IPv6 address, in RFC 5952 form. */
export async function ipv6Of(net: string, nodeId: string): Promise<string> {
  const id = fromBase32(nodeId, "node id").subarray(0, 10);
  return ipaddr.fromByteArray([...await networkBytes(net), ...id]).toString();
}

/** A node's IPv4 address for a counter; null when it falls on the range's first or last address or on the resolver's, or there is no such counter. */
export async function ipv4Of(net: string, nodeId: string, counter: number, range: string): Promise<string | null> {
  if (!Number.isInteger(counter) || counter < 0 || counter >= IPV4_COUNTERS) return null;
  const { address, length } = readPrefix(range, { place: "ipv4 range", code: "bad_input" });
  const size = 2 ** (32 - length);
  const view = new DataView((await sha256(`${net} ${nodeId} ${counter}`)).buffer);
  const offset = view.getUint32(0) % size;
  if (offset === 0 || offset >= resolverOffset(size)) return null;
  return toBytes(toNumber(address.toByteArray()) + offset).join(".");
}

/**
 * Where each machine answers for the network's names: the last address but one of the range, which no id leads to. Null in a
 * range too small to spare it.
 */
export function resolverAddress(range: string): string | null {
  const { address, length } = readPrefix(range, { place: "ipv4 range", code: "bad_input" });
  const size = 2 ** (32 - length);
  const offset = resolverOffset(size);
  if (offset === size - 1) return null;
  return ipaddr.fromByteArray(toBytes(toNumber(address.toByteArray()) + offset)).toString();
}

function resolverOffset(size: number): number {
  return size >= 16 ? size - 2 : size - 1;
}

function toNumber(bytes: readonly number[]): number {
  return new DataView(new Uint8Array(bytes).buffer).getUint32(0);
}

function toBytes(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => value >>> shift & 255);
}

/** The counter that gives this address to this node; null when none does. */
export async function ipv4Counter(net: string, nodeId: string, address: string, range: string): Promise<number | null> {
  for (let counter = 0; counter < IPV4_COUNTERS; counter++) {
    if (await ipv4Of(net, nodeId, counter, range) === address) return counter;
  }
  return null;
}
