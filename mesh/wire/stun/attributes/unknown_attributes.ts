import { GhostError } from "../../errors.ts";
import { type Attribute, viewOf } from "../attribute.ts";

/** UNKNOWN-ATTRIBUTES, RFC 8489 section 14.9: the types that an error 420 is about, two bytes each. */
export const UNKNOWN_ATTRIBUTES: Attribute<number[]> = {
  type: 0x000a,
  name: "UNKNOWN-ATTRIBUTES",
  encode: (types) => Uint8Array.from(types.flatMap((type) => [type >> 8, type & 0xff])),
  decode(value) {
    if (value.length % 2 !== 0) throw new GhostError("bad_input", "Odd length", { place: "stun.UNKNOWN-ATTRIBUTES" });
    const view = viewOf(value);
    return Array.from({ length: value.length / 2 }, (_, i) => view.getUint16(i * 2));
  },
};
