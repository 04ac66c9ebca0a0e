/**
 * NAT Port Mapping Protocol, RFC 6886: the elder of PCP, without a nonce. What tells an answer from a forgery is only that it
 * comes from the router's own port to ours, for the request that is under way.
 */
import { addressText } from "../../../mesh/wire/stun/address.ts";

const VERSION = 0;
const RESPONSE = 0x80;
const OPCODE = { address: 0, udp: 1 } as const;
const LENGTH = { address: 12, udp: 16, failure: 8 } as const;

/** Section 3.5, in words for people. */
const RESULTS: Readonly<Record<number, string>> = {
  1: "does not speak this version",
  2: "does not allow it",
  3: "has no outer address now",
  4: "has no resources left",
  5: "does not know the request",
};

/** An answer; `epoch` is the router's clock in s. */
export type NatPmpAnswer =
  | { kind: "address"; epoch: number; address: string }
  | { kind: "mapped"; epoch: number; port: number; lifetime: number }
  | { kind: "refused"; epoch: number; why: string };

/** Asks for the outer address (section 3.2). */
export function encodeAddressRequest(): Uint8Array {
  return Uint8Array.of(VERSION, OPCODE.address);
}

/**
 * Asks for a UDP mapping of an inner port to whoever sends this (section 3.3).
 * @param o.lifetime in s; 0 removes it, `suggested` is then 0 as well (section 3.4)
 */
export function encodeUdpMap(port: number, o: { suggested: number; lifetime: number }): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = OPCODE.udp;
  view.setUint16(4, port);
  view.setUint16(6, o.suggested);
  view.setUint32(8, o.lifetime);
  return bytes;
}

/**
 * Reads an answer to the request under way; null when it is none.
 * @param port the inner port that was asked for, or null for the outer address
 */
export function readNatPmp(bytes: Uint8Array, port: number | null): NatPmpAnswer | null {
  if (bytes.length < LENGTH.failure || bytes.length > LENGTH.udp || bytes[0] !== VERSION) return null;
  const opcode = port === null ? OPCODE.address : OPCODE.udp;
  if (bytes[1] !== (RESPONSE | opcode)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [result, epoch] = [view.getUint16(2), view.getUint32(4)];
  if (result !== 0) return { kind: "refused", epoch, why: RESULTS[result] ?? `answers with code ${result}` };
  if (port === null) {
    if (bytes.length !== LENGTH.address) return null;
    return { kind: "address", epoch, address: addressText(bytes.subarray(8)) };
  }
  if (bytes.length !== LENGTH.udp || view.getUint16(8) !== port) return null;
  const outer = view.getUint16(10);
  if (outer === 0) return { kind: "refused", epoch, why: "names no port" };
  return { kind: "mapped", epoch, port: outer, lifetime: view.getUint32(12) };
}
