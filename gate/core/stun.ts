/**
 * The STUN server's side of a Binding (RFC 8489): reads a request, builds its answer. No authentication (section 9 is
 * for usages that need it), no SOFTWARE attribute, and never an answer to anything but a well-formed request, so that
 * nothing can be bounced. The answer has at most 24 bytes more than the request (44 to 20 for IPv6); stun_debt.ts bounds what that
 * can add up to.
 */
import {
  BINDING,
  CHANGE_REQUEST,
  encodeStun,
  ERROR_CODE,
  field,
  FINGERPRINT,
  NO_TICKET,
  NONCE,
  rawValue,
  read,
  REALM,
  type StunMessage,
  TICKET,
  type TransportAddress,
  tryDecodeStun,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  XOR_MAPPED_ADDRESS,
} from "../../mesh/wire/stun/mod.ts";

/** More unknown attributes than this are not listed, so that the answer stays small. */
const MAX_UNKNOWN = 4;
/** A request needs far less; larger ones are not read. */
const MAX_REQUEST = 1_280;
/** Must be understood (RFC 8489 section 14), and change nothing here; the last two are PASSWORD-ALGORITHM and USERHASH. */
const HARMLESS = new Set([CHANGE_REQUEST.type, REALM.type, NONCE.type, 0x001d, 0x001e]);

/** What a well-formed Binding request asks for. */
export interface BindingRequest {
  message: StunMessage;
  /** A ticket, with room for it in the answer. */
  wantsTicket: boolean;
  /**
   * From which of the service's ports the answer goes out (RFC 5780 section 7.2): the one that was asked, or the other one of the same
   * address. Null when another address is wanted, which this service does not have.
   */
  from: "same" | "other" | null;
}

/** Reads a datagram; null for one that gets no answer: it is no STUN, no Binding request, or malformed. */
export function readBinding(bytes: Uint8Array): BindingRequest | null {
  const message = bytes.length > MAX_REQUEST ? null : tryDecodeStun(bytes);
  if (message?.class !== "request" || message.method !== BINDING) return null;
  const change = rawValue(message, CHANGE_REQUEST);
  if (change && change.length !== 4) return null;
  const wanted = read(message, CHANGE_REQUEST);
  return {
    message,
    wantsTicket: (rawValue(message, TICKET)?.length ?? 0) >= NO_TICKET.length,
    from: wanted?.address ? null : wanted?.port ? "other" : "same",
  };
}

/**
 * The answer to a request.
 * @param o.from where it came from
 * @param o.ticket makes what proves that address, for a request that wants it
 */
export function answerBinding(
  { message, wantsTicket }: BindingRequest,
  o: { from: TransportAddress; ticket?(): Uint8Array },
): Uint8Array {
  const { transaction } = message;
  const fingerprint = message.attributes.at(-1)?.type === FINGERPRINT;
  const unknown = [...new Set(unknownRequired(message))].filter((type) => !HARMLESS.has(type)).slice(0, MAX_UNKNOWN);
  if (unknown.length > 0) {
    // Section 6.3.1: 420 (Unknown Attribute) with the list of them; without a reason phrase, to be short.
    const fields = [field(ERROR_CODE, { code: 420, reason: "" }), field(UNKNOWN_ATTRIBUTES, unknown)];
    return encodeStun({ class: "error", transaction, fields, fingerprint });
  }
  const fields = [field(XOR_MAPPED_ADDRESS, o.from)];
  if (o.ticket && wantsTicket) fields.push(field(TICKET, o.ticket()));
  return encodeStun({ class: "success", transaction, fields, fingerprint });
}
