import { fromUtf8, utf8 } from "../../encoding.ts";
import { GhostError } from "../../errors.ts";
import type { Attribute } from "../attribute.ts";

/** 128 characters at most are 763 bytes at most, says RFC 8489 sections 14.9 and 14.10. */
const MAX = 763;

/** An attribute that holds a text. */
export function boundedText(type: number, name: string): Attribute<string> {
  return {
    type,
    name,
    encode(value) {
      const bytes = utf8(value);
      if (bytes.length > MAX) throw new RangeError(`${name} longer than ${MAX} bytes`);
      return bytes;
    },
    decode(value) {
      if (value.length > MAX) throw new GhostError("bad_input", `Longer than ${MAX} bytes`, { place: `stun.${name}` });
      return fromUtf8(value, `stun.${name}`);
    },
  };
}
