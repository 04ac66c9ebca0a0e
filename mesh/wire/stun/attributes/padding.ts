import type { Attribute } from "../attribute.ts";

/** PADDING, RFC 5780 section 7.6: so many bytes that mean nothing. An answer to a message with it is as long (section 6.1). */
export const PADDING: Attribute<number> = {
  type: 0x0026,
  name: "PADDING",
  encode: (length) => new Uint8Array(length),
  decode: (value) => value.length,
};
