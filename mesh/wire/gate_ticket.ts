/**
 * How somebody proves its address to a gate before it dials its QUIC port. QUIC's own way (Retry, RFC 9000 section 8.1.2) cannot be had
 * from Deno, and without it a gate answers a first packet with up to three times its bytes, to whatever address it names as its sender.
 *
 * ```
 * node                                              gate
 *  | Binding request with an empty TICKET            |  STUN port, and QUIC port (led away by the kernel)
 *  |-----------------------------------------------> |
 *  |     success: XOR-MAPPED-ADDRESS, TICKET         |  an HMAC over the sender's address: nothing is kept
 *  | <---------------------------------------------- |
 *  | QUIC Initial, server name TICKET.ghostgate      |  QUIC port
 *  |-----------------------------------------------> |  the address counts as proved
 * ```
 * A ticket is good for one address, for an hour or two, and for as many dials as one likes. Without one that holds, the gate ends the
 * connection before its handshake has left (one datagram, no longer than the Initial's). The answer is no longer than the request.
 */

/** What everybody asks a gate for, as TLS calls it, with or without a ticket before it. */
export const GATE_SERVER_NAME = "ghostgate";
/** Comprehension-optional, of the range for expert review (RFC 8489 section 18.3.1): other servers pass over it. */
export const TICKET = 0xc67d;
/** Bytes of a ticket. */
export const TICKET_LENGTH = 16;
/** Bytes of the attribute's value in a request: as many as the longest answer has beside its header, and its own head. */
export const TICKET_FILLER = 40;

const COOKIE = 0x2112a442;
const HEADER = 20;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
/** No answer to such a request is longer. */
const MAX_ANSWER = 128;
const NAMED = new RegExp(`^([0-9a-f]{${TICKET_LENGTH * 2}})\\.${GATE_SERVER_NAME}$`);

/** The server name that shows a ticket. */
export function nameOfTicket(ticket: Uint8Array): string {
  return `${ticket.toHex()}.${GATE_SERVER_NAME}`;
}

/** The ticket that a server name shows; null for every other name. */
export function ticketInName(name: string | undefined): Uint8Array | null {
  const hex = name !== undefined && NAMED.exec(name)?.[1];
  return hex ? Uint8Array.fromHex(hex) : null;
}

/** A Binding request that asks for a ticket. @param transaction 12 random bytes */
export function encodeTicketRequest(transaction: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(HEADER + 4 + TICKET_FILLER);
  const view = new DataView(out.buffer);
  view.setUint16(0, REQUEST);
  view.setUint16(2, out.length - HEADER);
  view.setUint32(4, COOKIE);
  out.set(transaction, 8);
  view.setUint16(HEADER, TICKET);
  view.setUint16(HEADER + 2, TICKET_FILLER);
  return out;
}

/** The ticket in an answer to the request of this transaction; null for anything else. */
export function decodeTicketAnswer(bytes: Uint8Array, transaction: Uint8Array): Uint8Array<ArrayBuffer> | null {
  if (bytes.length < HEADER || bytes.length > MAX_ANSWER) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(0) !== SUCCESS || view.getUint32(4) !== COOKIE) return null;
  if (view.getUint16(2) !== bytes.length - HEADER) return null;
  if (!transaction.every((byte, i) => bytes[8 + i] === byte)) return null;
  for (let at = HEADER; at + 4 <= bytes.length;) {
    const [type, length] = [view.getUint16(at), view.getUint16(at + 2)];
    if (at + 4 + length > bytes.length) return null;
    if (type === TICKET) return length === TICKET_LENGTH ? bytes.slice(at + 4, at + 4 + length) : null;
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return null;
}
