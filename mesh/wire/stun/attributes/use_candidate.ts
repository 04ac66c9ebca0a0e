import { type Attribute, expectLength } from "../attribute.ts";

/** USE-CANDIDATE, RFC 8445 section 16.1: the controlling side nominates this pair. No value. */
export const USE_CANDIDATE: Attribute<true> = {
  type: 0x0025,
  name: "USE-CANDIDATE",
  encode: () => new Uint8Array(0),
  decode(value) {
    expectLength(value, 0, "USE-CANDIDATE");
    return true;
  },
};
