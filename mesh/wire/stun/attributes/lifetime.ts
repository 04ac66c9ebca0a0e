import { type Attribute, expectLength, viewOf } from "../attribute.ts";

/** LIFETIME, RFC 8656 section 18.2: for how many seconds the server keeps an allocation; 0 ends it. */
export const LIFETIME: Attribute<number> = {
  type: 0x000d,
  name: "LIFETIME",
  encode(value) {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, value);
    return bytes;
  },
  decode(value) {
    expectLength(value, 4, "LIFETIME");
    return viewOf(value).getUint32(0);
  },
};
