/**
 * Port Control Protocol, RFC 6887: the request for one UDP mapping, and what is made of an answer. Whoever shares the network
 * can send what looks like one, so all of it is checked: version, opcode, length, and the nonce that only the router has seen.
 */
import { addressBytes, addressText, type TransportAddress } from "../../../mesh/wire/stun/address.ts";

/** UDP port of PCP and NAT-PMP servers. */
export const GATEWAY_PORT = 5351;
/** Bytes of a nonce (section 11.1). */
export const NONCE_LENGTH = 12;

const VERSION = 2;
const RESPONSE = 0x80;
const OPCODE = { announce: 0, map: 1 } as const;
const UDP = 17;
const HEADER = 24;
const MAP_LENGTH = 60;
/** No answer is longer (section 7). */
const LONGEST = 1100;

/** Section 7.4, in words for people. */
const RESULTS: Readonly<Record<number, string>> = {
  1: "does not speak this version",
  2: "does not allow it, or another program has this port mapped",
  3: "could not read the request",
  4: "does not know the request",
  5: "does not know an option",
  6: "could not read an option",
  7: "has a failure of its own network",
  8: "has no resources left",
  9: "does not know the protocol",
  10: "gives this machine no more mappings",
  11: "cannot give the port that was asked for",
  12: "sees another NAT between this machine and itself",
  13: "allows no mapping for so many peers",
};

/** An answer: the router's clock in s, and the mapping, or why there is none. */
export type PcpAnswer =
  | { kind: "alive"; epoch: number }
  | { kind: "mapped"; epoch: number; external: TransportAddress; lifetime: number }
  | { kind: "refused"; epoch: number; why: string };

/** What one mapping is about. */
export interface PcpRequest {
  /** Address of this machine, from which the request is sent (the router compares). */
  source: string;
  /** The inner port. */
  port: number;
  nonce: Uint8Array;
}

/** Asks whether a server is there, and for its clock (ANNOUNCE, section 14.1). */
export function encodeAnnounce(source: string): Uint8Array {
  return header(HEADER, { opcode: OPCODE.announce, lifetime: 0, source });
}

/**
 * Asks for a mapping (MAP, section 11.1).
 * @param o.lifetime in s; 0 removes it
 * @param o.suggested the outer place of before, or null
 */
export function encodeMap(
  { source, port, nonce }: PcpRequest,
  o: { lifetime: number; suggested: TransportAddress | null },
): Uint8Array {
  const bytes = header(MAP_LENGTH, { opcode: OPCODE.map, lifetime: o.lifetime, source });
  const view = new DataView(bytes.buffer);
  bytes.set(nonce.subarray(0, NONCE_LENGTH), HEADER);
  bytes[36] = UDP;
  view.setUint16(40, port);
  view.setUint16(42, o.suggested?.port ?? 0);
  bytes.set(mapped(o.suggested?.address ?? "0.0.0.0"), 44);
  return bytes;
}

function header(length: number, o: { opcode: number; lifetime: number; source: string }): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes[0] = VERSION;
  bytes[1] = o.opcode;
  new DataView(bytes.buffer).setUint32(4, o.lifetime);
  bytes.set(mapped(o.source), 8);
  return bytes;
}

/** IPv4 addresses travel as ::ffff:a.b.c.d (section 5). */
function mapped(address: string): Uint8Array {
  const bytes = addressBytes(address);
  return bytes.length === 16 ? bytes : Uint8Array.from([...new Uint8Array(10), 0xff, 0xff, ...bytes]);
}

/**
 * Reads an answer to this request; null when it is none (section 8.3: such a datagram is dropped).
 * @param request null for an answer to ANNOUNCE
 */
export function readAnswer(bytes: Uint8Array, request: PcpRequest | null): PcpAnswer | null {
  if (bytes.length < HEADER || bytes.length > LONGEST || bytes.length % 4 !== 0 || bytes[0] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [result, lifetime, epoch] = [bytes[3]!, view.getUint32(4), view.getUint32(8)];
  if (bytes[1] !== (RESPONSE | (request === null ? OPCODE.announce : OPCODE.map))) return null;
  if (request === null) return { kind: "alive", epoch };
  if (bytes.length < MAP_LENGTH) return null;
  if (request.nonce.some((byte, i) => bytes[HEADER + i] !== byte)) return null;
  if (bytes[36] !== UDP || view.getUint16(40) !== request.port) return null;
  if (result !== 0) return { kind: "refused", epoch, why: RESULTS[result] ?? `answers with code ${result}` };
  const place = external(bytes.subarray(44, 60), view.getUint16(42));
  if (place === null) return { kind: "refused", epoch, why: "names no IPv4 address and port" };
  return { kind: "mapped", epoch, external: place, lifetime };
}

function external(address: Uint8Array, port: number): TransportAddress | null {
  const isMapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  return isMapped && port !== 0 ? { address: addressText(address.subarray(12)), port } : null;
}
