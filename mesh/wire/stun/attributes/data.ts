import type { Attribute } from "../attribute.ts";

/** DATA, RFC 8656 section 18.4: what a Send or Data indication carries; the message's own bound is the bound of this. */
export const DATA: Attribute<Uint8Array> = {
  type: 0x0013,
  name: "DATA",
  encode: (value) => value,
  decode: (value) => value,
};
