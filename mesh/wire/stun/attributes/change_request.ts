import { type Attribute, expectLength } from "../attribute.ts";

/** CHANGE-REQUEST, RFC 5780 section 7.2, with its change-port flag: "answer from another port of the same address". */
export const CHANGE_PORT: Attribute<true> = {
  type: 0x0003,
  name: "CHANGE-REQUEST",
  encode: () => Uint8Array.of(0, 0, 0, 2),
  decode(value) {
    expectLength(value, 4, "CHANGE-REQUEST");
    return true;
  },
};
