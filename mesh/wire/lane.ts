/**
 * How an end of a lane proves its address to the gate: STUN (RFC 8489) to the lane's port, from the very port that carries the
 * tunnel. Only messages whose transaction id begins with LANE_WORD stop at the gate; all other STUN crosses to the other end.
 *
 * ```
 * node                                          gate, from the lane's port
 *  | Binding request: end, empty nonce            |
 *  |--------------------------------------------> |
 *  |         401 with a nonce for this address    |
 *  | <------------------------------------------- |
 *  | Binding request: end, that nonce             |
 *  |--------------------------------------------> |    the address counts from now on
 *  |         Binding success: XOR-MAPPED-ADDRESS  |
 * ```
 * Every message carries MESSAGE-INTEGRITY-SHA256 (section 14.6) by the token that the session gave this end; what does not hold
 * gets no answer. A nonce is good for one address, and no longer than that address is the newest. No answer is longer than
 * what asked for it.
 *
 *   0  type, length, magic cookie        12  LANE_WORD    16  lane's port    18  random (6)
 *  20  USERNAME "0" or "1" (requests)    28  NONCE (16 bytes, zeros when empty)    ...  MESSAGE-INTEGRITY-SHA256
 */
import { equalBytes } from "./encoding.ts";
import type { LaneEnd } from "./gate_session.ts";

/** First word of the transaction id of control messages. */
export const LANE_WORD = 0x676d6c6e;
const COOKIE = 0x2112a442;
const HEADER = 20;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
const ERROR = 0x0111;
/** Section 14. */
const USERNAME = 0x0006;
const ERROR_CODE = 0x0009;
const NONCE = 0x0015;
const INTEGRITY = 0x001c;
const XOR_MAPPED_ADDRESS = 0x0020;
const NONCE_LENGTH = 16;
const INTEGRITY_LENGTH = 32;
/** Bytes of a request; no answer is longer. */
export const LANE_REQUEST_LENGTH: number = HEADER + 8 + 4 + NONCE_LENGTH + 4 + INTEGRITY_LENGTH;

/** HMAC-SHA256 of `data`. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

/** What an end asks of the gate on a lane's port. */
export interface LaneRequest {
  port: number;
  end: LaneEnd;
  /** All zeros in the first one. */
  nonce: Uint8Array;
  /** 12 bytes. */
  transaction: Uint8Array;
}

/** What the gate answers: the nonce to come back with, or that the address counts now. */
export type LaneAnswer =
  | { kind: "nonce"; nonce: Uint8Array; transaction: Uint8Array }
  | { kind: "proved"; transaction: Uint8Array };

/** A transaction id: the word, the port, and 6 random bytes. */
export function laneTransaction(port: number, random: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(12);
  const view = new DataView(out.buffer);
  view.setUint32(0, LANE_WORD);
  view.setUint16(4, port);
  out.set(random.subarray(0, 6), 6);
  return out;
}

/** A request; `nonce` left out is the first one. */
export function encodeLaneRequest(
  o: { end: LaneEnd; nonce?: Uint8Array; transaction: Uint8Array },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  const username = Uint8Array.of(0x30 + o.end);
  return encode(REQUEST, { ...o, key, hmac }, [[USERNAME, username], [NONCE, o.nonce ?? new Uint8Array(NONCE_LENGTH)]]);
}

/** The answer that hands out a nonce. */
export function encodeLaneNonce(
  o: { nonce: Uint8Array; transaction: Uint8Array },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  return encode(ERROR, { ...o, key, hmac }, [[ERROR_CODE, Uint8Array.of(0, 0, 4, 1)], [NONCE, o.nonce]]);
}

/** The answer to a request whose address counts now. @param o.address 4 or 16 bytes */
export function encodeLaneProved(
  o: { address: Uint8Array; port: number; transaction: Uint8Array },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  const mask = encode(SUCCESS, { ...o, key, hmac }, []).subarray(4, HEADER);
  const port = o.port ^ (COOKIE >>> 16);
  const mapped = Uint8Array.of(0, o.address.length === 4 ? 1 : 2, port >> 8, port & 0xff, ...o.address);
  for (let i = 0; i < o.address.length; i++) mapped[4 + i]! ^= mask[i]!;
  return encode(SUCCESS, { ...o, key, hmac }, [[XOR_MAPPED_ADDRESS, mapped]]);
}

/** Whether a datagram is control STUN of a lane, by its first 16 bytes. */
export function isLaneControl(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(4) === COOKIE && view.getUint32(8) === LANE_WORD;
}

/** Reads a request without checking whose it is; null for anything else. */
export function decodeLaneRequest(bytes: Uint8Array): LaneRequest | null {
  if (bytes.length !== LANE_REQUEST_LENGTH || !isLaneControl(bytes)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const laidOut = view.getUint16(0) === REQUEST && view.getUint16(2) === bytes.length - HEADER &&
    view.getUint16(20) === USERNAME && view.getUint16(22) === 1 &&
    view.getUint16(28) === NONCE && view.getUint16(30) === NONCE_LENGTH &&
    view.getUint16(48) === INTEGRITY && view.getUint16(50) === INTEGRITY_LENGTH;
  const end = bytes[24]! - 0x30;
  if (!laidOut || (end !== 0 && end !== 1)) return null;
  return { port: view.getUint16(12), end, nonce: bytes.slice(32, 48), transaction: bytes.slice(8, HEADER) };
}

/** Whether the message is by the holder of `key`: its last attribute is the HMAC of all before it. */
export function laneIntegrityHolds(bytes: Uint8Array, key: Uint8Array, hmac: Hmac): boolean {
  const at = bytes.length - INTEGRITY_LENGTH;
  return at > HEADER + 4 && equalBytes(hmac(key, bytes.subarray(0, at - 4)), bytes.subarray(at));
}

/** Reads a gate's answer that holds by `key`; null for anything else. */
export function decodeLaneAnswer(bytes: Uint8Array, key: Uint8Array, hmac: Hmac): LaneAnswer | null {
  if (!isLaneControl(bytes) || bytes.length > LANE_REQUEST_LENGTH || !laneIntegrityHolds(bytes, key, hmac)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const transaction = bytes.slice(8, HEADER);
  if (view.getUint16(0) === SUCCESS) return { kind: "proved", transaction };
  const given = view.getUint16(0) === ERROR && bytes.length === LANE_REQUEST_LENGTH && view.getUint16(28) === NONCE;
  return given ? { kind: "nonce", nonce: bytes.slice(32, 48), transaction } : null;
}

function encode(
  type: number,
  o: { transaction: Uint8Array; key: Uint8Array; hmac: Hmac },
  attributes: [type: number, value: Uint8Array][],
): Uint8Array<ArrayBuffer> {
  const body = attributes.reduce((sum, [, value]) => sum + 4 + Math.ceil(value.length / 4) * 4, 0);
  const out = new Uint8Array(HEADER + body + 4 + INTEGRITY_LENGTH);
  const view = new DataView(out.buffer);
  view.setUint16(0, type);
  view.setUint16(2, out.length - HEADER);
  view.setUint32(4, COOKIE);
  out.set(o.transaction, 8);
  let at = HEADER;
  for (const [kind, value] of attributes) {
    view.setUint16(at, kind);
    view.setUint16(at + 2, value.length);
    out.set(value, at + 4);
    at += 4 + Math.ceil(value.length / 4) * 4;
  }
  // The length in the header already counts the integrity attribute, as section 14.6 asks; its own head is not covered.
  out.set(o.hmac(o.key, out.subarray(0, at)), at + 4);
  view.setUint16(at, INTEGRITY);
  view.setUint16(at + 2, INTEGRITY_LENGTH);
  return out;
}
