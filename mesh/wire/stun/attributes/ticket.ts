import { TICKET as TYPE, TICKET_FILLER, TICKET_LENGTH } from "../../gate_ticket.ts";
import { type Attribute, expectLength } from "../attribute.ts";

/** What a gate gives to prove an address (mesh/wire/gate_ticket.ts). */
export const TICKET: Attribute<Uint8Array> = {
  type: TYPE,
  name: "TICKET",
  encode: (value) => value,
  decode(value) {
    expectLength(value, TICKET_LENGTH, "TICKET");
    return value;
  },
};

/** What asks for one. */
export const NO_TICKET: Uint8Array = new Uint8Array(TICKET_FILLER);
