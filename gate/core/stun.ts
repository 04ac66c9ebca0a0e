/**
 * The STUN server's side of a Binding (RFC 8489): reads a request, builds its answer. No authentication (section 9 is
 * for usages that need it), no SOFTWARE attribute, and never an answer to anything but a well-formed request, so that
 * nothing can be bounced. The answer has at most 24 bytes more than the request (44 to 20 for IPv6); stun_debt.ts bounds what that
 * can add up to.
 *
 * ```
 *  0                   1                   2                   3
 * |0 0|  type (14 bits)           |  length without header        |
 * |                  magic cookie 0x2112A442                      |
 * |                  transaction id (96 bits)                     |
 * |  attribute type               |  attribute length             |  value, padded to 4 bytes ...
 * ```
 */
import { crc32 } from "../../mesh/wire/crc32.ts";
import { TICKET, TICKET_FILLER } from "../../mesh/wire/gate_ticket.ts";

const HEADER = 20;
const COOKIE = 0x2112a442;
/** Section 5: request, success and error of method Binding (0x001). */
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
/** Section 14.2 and 14.7. */
const XOR_MAPPED_ADDRESS = 0x0020;
const FINGERPRINT = 0x8028;
const FINGERPRINT_XOR = 0x5354554e;
/** Sections 14.8 and 14.13. */
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
/** RFC 5780 section 7.2: answer from another port (or address), by which a node learns how its NAT filters. */
const CHANGE_REQUEST = 0x0003;
const CHANGE_PORT = 0x02;
const CHANGE_ADDRESS = 0x04;
/** More unknown attributes than this are not listed, so that the answer stays small. */
const MAX_UNKNOWN = 4;
/** A request needs far less; larger ones are not read. */
const MAX_REQUEST = 1_280;

/**
 * Comprehension-required attributes (below 0x8000) that a Binding request may carry and that change nothing here:
 * MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH,
 * XOR-MAPPED-ADDRESS, ICE's PRIORITY and USE-CANDIDATE (RFC 8445 section 16). CHANGE-REQUEST is read by `answersFrom`.
 */
const HARMLESS = new Set([1, CHANGE_REQUEST, 0x6, 0x8, 0x14, 0x15, 0x1c, 0x1d, 0x1e, XOR_MAPPED_ADDRESS, 0x24, 0x25]);

interface Attribute {
  type: number;
  at: number;
  length: number;
}

/**
 * The answer to a datagram, or null when it gets none: it is no STUN, no Binding request, or malformed.
 * @param o.address the sender's address, 4 or 16 bytes
 * @param o.ticket makes what proves that address; only a request that asks for it, and is long enough, gets it
 */
export function answerBinding(
  request: Uint8Array,
  o: { address: Uint8Array; port: number; ticket?(): Uint8Array },
): Uint8Array | null {
  if (request.length < HEADER || request.length > MAX_REQUEST) return null;
  const view = new DataView(request.buffer, request.byteOffset, request.length);
  if (view.getUint16(0) !== BINDING_REQUEST || view.getUint32(4) !== COOKIE) return null;
  if (view.getUint16(2) !== request.length - HEADER) return null;
  const attributes = readAttributes(view);
  if (!attributes) return null;
  const fingerprint = attributes.findIndex((a) => a.type === FINGERPRINT);
  if (fingerprint >= 0 && !fingerprintHolds(request, attributes, fingerprint)) return null;
  const unknown = attributes.map((a) => a.type).filter((type) => type < 0x8000 && !HARMLESS.has(type));
  const out = new Writer(unknown.length > 0 ? BINDING_ERROR : BINDING_SUCCESS, request.subarray(4, HEADER));
  if (unknown.length > 0) {
    // Section 6.3.1: 420 (Unknown Attribute) with the list of them. Class 4, number 20; no reason phrase.
    out.attribute(ERROR_CODE, [0, 0, 4, 20]);
    out.attribute(UNKNOWN_ATTRIBUTES, [...new Set(unknown)].slice(0, MAX_UNKNOWN).flatMap((t) => [t >> 8, t & 0xff]));
  } else {
    out.attribute(XOR_MAPPED_ADDRESS, xorAddress(request.subarray(4, HEADER), o));
    if (o.ticket && asks(attributes)) out.attribute(TICKET, [...o.ticket()]);
  }
  if (fingerprint >= 0) out.fingerprint();
  return out.bytes();
}

/** Whether a well-formed request asks for a ticket, with room for it in the answer. */
export function asksForTicket(request: Uint8Array): boolean {
  return asks(readAttributes(new DataView(request.buffer, request.byteOffset, request.length)) ?? []);
}

function asks(attributes: readonly Attribute[]): boolean {
  return attributes.some(({ type, length }) => type === TICKET && length >= TICKET_FILLER);
}

/**
 * From which of the service's ports the answer to a well-formed request goes out: the one that was asked, or the other one of
 * the same address. Null when another address is wanted, which this service does not have.
 */
export function answersFrom(request: Uint8Array): "same" | "other" | null {
  const view = new DataView(request.buffer, request.byteOffset, request.length);
  const change = readAttributes(view)?.find((a) => a.type === CHANGE_REQUEST);
  if (change === undefined) return "same";
  if (change.length !== 4) return null;
  const flags = view.getUint32(change.at + 4);
  if ((flags & CHANGE_ADDRESS) !== 0) return null;
  return (flags & CHANGE_PORT) !== 0 ? "other" : "same";
}

/** The attributes in order, or null when one runs over the end. */
function readAttributes(view: DataView): Attribute[] | null {
  const out: Attribute[] = [];
  for (let at = HEADER; at < view.byteLength;) {
    if (at + 4 > view.byteLength) return null;
    const length = view.getUint16(at + 2);
    if (at + 4 + length > view.byteLength) return null;
    out.push({ type: view.getUint16(at), at, length });
    at += 4 + Math.ceil(length / 4) * 4;
    if (at > view.byteLength) return null;
  }
  return out;
}

/** Section 14.7: it is the last attribute, and the CRC-32 of all before it, XORed with "STUN". */
function fingerprintHolds(request: Uint8Array, attributes: Attribute[], index: number): boolean {
  const { at, length } = attributes[index]!;
  if (index !== attributes.length - 1 || length !== 4) return false;
  const value = new DataView(request.buffer, request.byteOffset + at + 4, 4).getUint32(0);
  return value === fingerprintOf(request.subarray(0, at));
}

function fingerprintOf(bytes: Uint8Array): number {
  return (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0;
}

/** Section 14.2: family, port and address, XORed with the cookie and the transaction id (`mask` is both). */
function xorAddress(mask: Uint8Array, o: { address: Uint8Array; port: number }): number[] {
  const family = o.address.length === 4 ? 1 : 2;
  const port = o.port ^ (COOKIE >>> 16);
  return [0, family, port >> 8, port & 0xff, ...[...o.address].map((byte, i) => byte ^ mask[i]!)];
}

class Writer {
  readonly #bytes: number[];

  constructor(type: number, cookieAndId: Uint8Array) {
    this.#bytes = [type >> 8, type & 0xff, 0, 0, ...cookieAndId];
  }

  attribute(type: number, value: number[]): void {
    this.#bytes.push(type >> 8, type & 0xff, value.length >> 8, value.length & 0xff, ...value);
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
  }

  fingerprint(): void {
    this.#length(8); // the length that the checksum covers already counts this attribute
    const sum = fingerprintOf(Uint8Array.from(this.#bytes));
    this.attribute(FINGERPRINT, [sum >>> 24, sum >>> 16 & 0xff, sum >>> 8 & 0xff, sum & 0xff]);
  }

  bytes(): Uint8Array {
    this.#length(0);
    return Uint8Array.from(this.#bytes);
  }

  #length(more: number): void {
    const length = this.#bytes.length - HEADER + more;
    this.#bytes[2] = length >> 8;
    this.#bytes[3] = length & 0xff;
  }
}
