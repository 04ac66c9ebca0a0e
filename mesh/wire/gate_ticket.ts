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

import { equalBytes } from "./encoding.ts";
import { BINDING, encodeStun, field, NO_TICKET, rawValue, TICKET, TICKET_LENGTH, tryDecodeStun } from "./stun/mod.ts";

/** What everybody asks a gate for, as TLS calls it, with or without a ticket before it. */
export const GATE_SERVER_NAME = "ghostgate";

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
  return encodeStun({ class: "request", transaction, fields: [field(TICKET, NO_TICKET)] });
}

/** The ticket in an answer to the request of this transaction; null for anything else. */
export function decodeTicketAnswer(bytes: Uint8Array, transaction: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const message = tryDecodeStun(bytes);
  if (message?.class !== "success" || message.method !== BINDING) return null;
  if (!equalBytes(message.transaction, transaction)) return null;
  const ticket = rawValue(message, TICKET);
  return ticket?.length === TICKET_LENGTH ? Uint8Array.from(ticket) : null;
}
