import { type Attribute, expectLength, viewOf } from "../attribute.ts";

function tieBreaker(type: number, name: string): Attribute<bigint> {
  return {
    type,
    name,
    encode(value) {
      const bytes = new Uint8Array(8);
      viewOf(bytes).setBigUint64(0, value);
      return bytes;
    },
    decode(value) {
      expectLength(value, 8, name);
      return viewOf(value).getBigUint64(0);
    },
  };
}

/** ICE-CONTROLLED, RFC 8445 section 16.1, with the sender's tie-breaker. */
export const ICE_CONTROLLED: Attribute<bigint> = tieBreaker(0x8029, "ICE-CONTROLLED");
/** ICE-CONTROLLING, RFC 8445 section 16.1, with the sender's tie-breaker. */
export const ICE_CONTROLLING: Attribute<bigint> = tieBreaker(0x802a, "ICE-CONTROLLING");
