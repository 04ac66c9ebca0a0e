import { type Attribute, expectLength } from "../attribute.ts";

/** Bytes of a ticket. */
export const TICKET_LENGTH = 16;

/**
 * TICKET: what a gate gives to prove an address (mesh/wire/gate_ticket.ts). Comprehension-optional, of the range for expert review
 * (RFC 8489 section 18.3.1): other servers pass over it.
 */
export const TICKET: Attribute<Uint8Array> = {
  type: 0xc67d,
  name: "TICKET",
  encode: (value) => value,
  decode(value) {
    expectLength(value, TICKET_LENGTH, "TICKET");
    return value;
  },
};

/** What asks for one: as many bytes as the longest answer has beside its header and this attribute's own head. */
export const NO_TICKET: Uint8Array = new Uint8Array(40);
