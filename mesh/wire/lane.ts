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
import type { LaneEnd } from "./gate_session.ts";
import {
  type Attribute,
  BINDING,
  encodeStun,
  ERROR_CODE,
  field,
  isStun,
  MESSAGE_INTEGRITY_SHA256,
  NONCE,
  rawValue,
  type StunMessage,
  type TransportAddress,
  tryDecodeStun,
  USERNAME,
  verifyMessageIntegritySha256,
  viewOf,
  XOR_MAPPED_ADDRESS,
} from "./stun/mod.ts";

/** First word of the transaction id of control messages. */
export const LANE_WORD = 0x676d6c6e;
const NONCE_LENGTH = 16;
/** Bytes of a request (header 20, USERNAME 8, NONCE 20, MESSAGE-INTEGRITY-SHA256 36); no answer is longer. */
export const LANE_REQUEST_LENGTH = 84;

/** HMAC-SHA256 of `data`. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

/** NONCE as a lane has it: bytes, where other STUN has a text. */
const LANE_NONCE: Attribute<Uint8Array> = { ...NONCE, encode: (value) => value, decode: (value) => value };

/** What an end asks of the gate on a lane's port. */
export interface LaneRequest {
  port: number;
  end: LaneEnd;
  /** All zeros in the first one. */
  nonce: Uint8Array;
  message: StunMessage;
}

/** What the gate answers: the nonce to come back with, or that the address counts now. */
export type LaneAnswer =
  | { kind: "nonce"; nonce: Uint8Array; transaction: Uint8Array }
  | { kind: "proved"; transaction: Uint8Array };

/** A transaction id: the word, the port, and 6 random bytes. */
export function laneTransaction(port: number, random: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(12);
  const view = viewOf(out);
  view.setUint32(0, LANE_WORD);
  view.setUint16(4, port);
  out.set(random.subarray(0, 6), 6);
  return out;
}

/** A request; `nonce` left out is the first one. */
export function encodeLaneRequest(
  { end, nonce = new Uint8Array(NONCE_LENGTH), transaction }: {
    end: LaneEnd;
    nonce?: Uint8Array;
    transaction: Uint8Array;
  },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  const fields = [field(USERNAME, `${end}`), field(LANE_NONCE, nonce)];
  return encodeStun({ class: "request", transaction, fields, integrity: integrity(key, hmac) });
}

/** The answer that hands out a nonce. */
export function encodeLaneNonce(
  { nonce, transaction }: { nonce: Uint8Array; transaction: Uint8Array },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  const fields = [field(ERROR_CODE, { code: 401, reason: "" }), field(LANE_NONCE, nonce)];
  return encodeStun({ class: "error", transaction, fields, integrity: integrity(key, hmac) });
}

/** The answer to a request whose address counts now. */
export function encodeLaneProved(
  { address, transaction }: { address: TransportAddress; transaction: Uint8Array },
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array<ArrayBuffer> {
  const fields = [field(XOR_MAPPED_ADDRESS, address)];
  return encodeStun({ class: "success", transaction, fields, integrity: integrity(key, hmac) });
}

const integrity = (key: Uint8Array, hmacSha256: Hmac) => ({
  key,
  crypto: { hmacSha256 },
  algorithm: "sha256" as const,
});

/** Whether a datagram is control STUN of a lane, by its first 16 bytes. */
export function isLaneControl(bytes: Uint8Array): boolean {
  return isStun(bytes) && viewOf(bytes).getUint32(8) === LANE_WORD;
}

/** Reads a request without checking whose it is; null for anything else. */
export function decodeLaneRequest(bytes: Uint8Array): LaneRequest | null {
  const message = bytes.length === LANE_REQUEST_LENGTH ? decode(bytes) : null;
  if (message?.class !== "request") return null;
  const [username, nonce] = [rawValue(message, USERNAME), rawValue(message, LANE_NONCE)];
  const end = username?.length === 1 ? username[0]! - 0x30 : null;
  if ((end !== 0 && end !== 1) || nonce?.length !== NONCE_LENGTH) return null;
  return { port: viewOf(message.transaction).getUint16(4), end, nonce, message };
}

/** Whether the message is by the holder of `key`. */
export function laneIntegrityHolds(message: StunMessage, key: Uint8Array, hmac: Hmac): boolean {
  const proof = message.attributes.find(({ type }) => type === MESSAGE_INTEGRITY_SHA256);
  return proof !== undefined && verifyMessageIntegritySha256(message.bytes, proof, integrity(key, hmac));
}

/** Reads a gate's answer that holds by `key`; null for anything else. */
export function decodeLaneAnswer(bytes: Uint8Array, key: Uint8Array, hmac: Hmac): LaneAnswer | null {
  const message = bytes.length <= LANE_REQUEST_LENGTH ? decode(bytes) : null;
  if (!message || !laneIntegrityHolds(message, key, hmac)) return null;
  const { transaction } = message;
  if (message.class === "success") return { kind: "proved", transaction };
  const nonce = message.class === "error" ? rawValue(message, LANE_NONCE) : undefined;
  return nonce?.length === NONCE_LENGTH ? { kind: "nonce", nonce: nonce.slice(), transaction } : null;
}

function decode(bytes: Uint8Array): StunMessage | null {
  const message = isLaneControl(bytes) ? tryDecodeStun(bytes) : null;
  return message?.method === BINDING ? message : null;
}
