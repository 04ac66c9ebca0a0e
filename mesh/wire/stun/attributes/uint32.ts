import { type Attribute, expectLength, viewOf } from "../attribute.ts";

/** An attribute that holds a number of 32 bits without a sign. */
export function uint32(type: number, name: string): Attribute<number> {
  return {
    type,
    name,
    encode(value) {
      const bytes = new Uint8Array(4);
      viewOf(bytes).setUint32(0, value);
      return bytes;
    },
    decode(value) {
      expectLength(value, 4, name);
      return viewOf(value).getUint32(0);
    },
  };
}
