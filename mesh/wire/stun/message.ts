/**
 * STUN messages, RFC 8489 sections 5 and 14: strict to read, so that what is not STUN never looks like it.
 *
 * ```
 *  0: 00 | type (14 bits: method and class interleaved)      2: length of what follows the header, a multiple of 4
 *  4: magic cookie 2112a442                                  8: transaction id, 12 bytes
 * 20: attributes: type (2), length (2), value, padding to a multiple of 4
 * ```
 * MESSAGE-INTEGRITY covers what stands before it; attributes behind it that it can't cover are left out, as section 14.5 says.
 * SOFTWARE and other optional attributes are kept raw and ignored. Long-term credentials (REALM, NONCE) belong to TURN.
 */
import { GhostError } from "../errors.ts";
import { equalBytes } from "../encoding.ts";
import {
  type Attribute,
  COMPREHENSION_OPTIONAL,
  type EncodedAttribute,
  type RawAttribute,
  viewOf,
} from "./attribute.ts";
import { FINGERPRINT, fingerprint } from "./attributes/fingerprint.ts";
import { MESSAGE_INTEGRITY, messageIntegrity, verifyMessageIntegrity } from "./attributes/message_integrity.ts";
import {
  MESSAGE_INTEGRITY_SHA256,
  messageIntegritySha256,
  verifyMessageIntegritySha256,
} from "./attributes/message_integrity_sha256.ts";
import { ERROR_CODE } from "./attributes/error_code.ts";
import { MAPPED_ADDRESS } from "./attributes/mapped_address.ts";
import { PRIORITY } from "./attributes/priority.ts";
import { UNKNOWN_ATTRIBUTES } from "./attributes/unknown_attributes.ts";
import { USE_CANDIDATE } from "./attributes/use_candidate.ts";
import { USERNAME } from "./attributes/username.ts";
import { XOR_MAPPED_ADDRESS } from "./attributes/xor_mapped_address.ts";
import type { StunCrypto } from "./crypto.ts";

/** The first word behind the length of every STUN message (RFC 8489 section 5). */
const MAGIC_COOKIE = 0x2112a442;
/** The only method here, RFC 8489 section 3. */
export const BINDING = 0x001;
const HEADER = 20;
/** Longer than any message that fits a datagram of a common path. */
const MAX_MESSAGE = 2048;
const MAX_ATTRIBUTES = 32;
const CLASSES = ["request", "indication", "success", "error"] as const;

export type StunClass = (typeof CLASSES)[number];

export interface StunMessage {
  class: StunClass;
  method: number;
  transaction: Uint8Array;
  attributes: RawAttribute[];
  /** The whole message, for checking its integrity. */
  bytes: Uint8Array;
}

const KNOWN: ReadonlySet<number> = new Set([
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  ...[MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, USERNAME, ERROR_CODE, UNKNOWN_ATTRIBUTES, PRIORITY, USE_CANDIDATE]
    .map((a) => a.type),
]);

/** A quick look: does this datagram claim to be STUN? */
export function isStun(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER && bytes[0]! < 64 && viewOf(bytes).getUint32(4) === MAGIC_COOKIE;
}

/**
 * Reads a datagram.
 * @throws GhostError `bad_input` for anything that is not exactly one well-formed message, a wrong FINGERPRINT included
 */
export function decodeStun(bytes: Uint8Array): StunMessage {
  const read = parse(bytes);
  if (typeof read === "string") throw new GhostError("bad_input", read, { place: "stun" });
  return read;
}

/** The message in a datagram, or null where `decodeStun` would throw: for those to whom anybody can send. */
export function tryDecodeStun(bytes: Uint8Array): StunMessage | null {
  const read = parse(bytes);
  return typeof read === "string" ? null : read;
}

/** The message, or what is wrong with it: an error for each datagram of a flood would cost more than to read it. */
function parse(bytes: Uint8Array): StunMessage | string {
  if (!isStun(bytes)) return "Not a STUN message";
  if (bytes.length > MAX_MESSAGE) return `Longer than ${MAX_MESSAGE} bytes`;
  const view = viewOf(bytes);
  if (view.getUint16(2) !== bytes.length - HEADER || bytes.length % 4 !== 0) return "Wrong length";
  const type = view.getUint16(0);
  const attributes: RawAttribute[] = [];
  let covers = 0; // 1 behind MESSAGE-INTEGRITY, 2 behind MESSAGE-INTEGRITY-SHA256
  for (let offset = HEADER; offset < bytes.length;) {
    if (attributes.length >= MAX_ATTRIBUTES) return `More than ${MAX_ATTRIBUTES} attributes`;
    const attribute = view.getUint16(offset);
    const length = view.getUint16(offset + 2);
    const end = offset + 4 + length;
    if (end > bytes.length) return "An attribute runs over the end";
    const value = bytes.subarray(offset + 4, end);
    const next = end + (-length & 3);
    if (attribute === FINGERPRINT) {
      if (next !== bytes.length || length !== 4) return "FINGERPRINT is not the last attribute";
      if (!equalBytes(value, fingerprint(bytes, offset))) return "Wrong FINGERPRINT";
    }
    const late = attribute !== FINGERPRINT &&
      (covers === 2 || (covers === 1 && attribute !== MESSAGE_INTEGRITY_SHA256));
    if (!late) attributes.push({ type: attribute, value, offset });
    if (attribute === MESSAGE_INTEGRITY) covers = Math.max(covers, 1);
    if (attribute === MESSAGE_INTEGRITY_SHA256) covers = 2;
    offset = next;
  }
  return {
    class: CLASSES[(type & 0x100) >> 7 | (type & 0x10) >> 4]!,
    method: (type & 0x3e00) >> 2 | (type & 0xe0) >> 1 | type & 0x0f,
    transaction: bytes.slice(8, HEADER),
    attributes,
    bytes,
  };
}

/** The value of an attribute, the first one if there are several; undefined without it. @throws GhostError `bad_input` */
export function read<T>(message: StunMessage, attribute: Attribute<T>): T | undefined {
  const value = rawValue(message, attribute);
  return value && attribute.decode(value, message.transaction);
}

/** The bytes of an attribute as they came, of the first one if there are several; undefined without it. */
export function rawValue(message: StunMessage, { type }: Pick<Attribute<unknown>, "type">): Uint8Array | undefined {
  return message.attributes.find((a) => a.type === type)?.value;
}

/** The attributes that must be understood and are not (RFC 8489 section 6.3.1). */
export function unknownRequired(message: StunMessage): number[] {
  return message.attributes.map((a) => a.type).filter((type) => type < COMPREHENSION_OPTIONAL && !KNOWN.has(type));
}

/** Which attribute proves the message by this key: the stronger one decides when there are two. Null when it does not hold. */
export function verifyIntegrity(
  message: StunMessage,
  o: { key: Uint8Array; crypto: StunCrypto },
): "sha1" | "sha256" | null {
  const strong = message.attributes.find((a) => a.type === MESSAGE_INTEGRITY_SHA256);
  if (strong) return verifyMessageIntegritySha256(message.bytes, strong, o) ? "sha256" : null;
  const weak = message.attributes.find((a) => a.type === MESSAGE_INTEGRITY);
  return weak && verifyMessageIntegrity(message.bytes, weak, o) ? "sha1" : null;
}

/** An attribute to be written; some values depend on the transaction id. */
export type Field = (transaction: Uint8Array) => EncodedAttribute;

/** A field for a known attribute. */
export function field<T>(codec: Attribute<T>, value: T): Field {
  return (transaction) => ({ type: codec.type, value: codec.encode(value, transaction) });
}

/** A message to be written. */
export interface StunDraft {
  class: StunClass;
  method?: number;
  /** 12 bytes. */
  transaction: Uint8Array;
  fields: Field[];
  integrity?:
    | { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha1">; algorithm?: "sha1" }
    | { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha256">; algorithm: "sha256" };
  fingerprint?: boolean;
}

/** Writes a message. @throws RangeError when a field can't be written */
export function encodeStun(draft: StunDraft): Uint8Array<ArrayBuffer> {
  if (draft.transaction.length !== 12) throw new RangeError("A transaction id has 12 bytes");
  const method = draft.method ?? BINDING;
  const kind = CLASSES.indexOf(draft.class);
  const attributes = draft.fields.map((make) => make(draft.transaction));
  let bytes = new Uint8Array(attributes.reduce((size, { value }) => size + sizeOf(value), HEADER));
  const type = (method & 0xf80) << 2 | (method & 0x70) << 1 | method & 0x0f | (kind & 2) << 7 | (kind & 1) << 4;
  const view = viewOf(bytes);
  view.setUint16(0, type);
  view.setUint16(2, bytes.length - HEADER);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(draft.transaction, 8);
  let at = HEADER;
  for (const attribute of attributes) at = put(bytes, at, attribute);
  if (draft.integrity) {
    const { integrity } = draft;
    bytes = integrity.algorithm === "sha256"
      ? append(bytes, { type: MESSAGE_INTEGRITY_SHA256, value: messageIntegritySha256(bytes, integrity) })
      : append(bytes, { type: MESSAGE_INTEGRITY, value: messageIntegrity(bytes, integrity) });
  }
  return draft.fingerprint ? append(bytes, { type: FINGERPRINT, value: fingerprint(bytes) }) : bytes;
}

/** Bytes of a whole attribute: its head, its value and the padding. */
function sizeOf(value: Uint8Array): number {
  return 4 + value.length + (-value.length & 3);
}

/** Writes an attribute. @returns where the next one begins */
function put(bytes: Uint8Array, at: number, { type, value }: EncodedAttribute): number {
  const view = viewOf(bytes);
  view.setUint16(at, type);
  view.setUint16(at + 2, value.length);
  bytes.set(value, at + 4);
  return at + sizeOf(value);
}

function append(bytes: Uint8Array, attribute: EncodedAttribute): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes.length + sizeOf(attribute.value));
  all.set(bytes);
  put(all, bytes.length, attribute);
  viewOf(all).setUint16(2, all.length - HEADER);
  return all;
}
