import { fromUtf8, utf8 } from "../../encoding.ts";
import { GhostError } from "../../errors.ts";
import type { Attribute } from "../attribute.ts";

/** Fewer than 509 bytes of UTF-8. */
const MAX = 508;

/** USERNAME, RFC 8489 section 14.3; in ICE `receiver's ufrag:sender's ufrag` (RFC 8445 section 7.2.2). */
export const USERNAME: Attribute<string> = {
  type: 0x0006,
  name: "USERNAME",
  encode(value) {
    const bytes = utf8(value);
    if (bytes.length > MAX) throw new RangeError(`USERNAME longer than ${MAX} bytes`);
    return bytes;
  },
  decode(value) {
    if (value.length > MAX) throw new GhostError("bad_input", `Longer than ${MAX} bytes`, { place: "stun.USERNAME" });
    return fromUtf8(value, "stun.USERNAME");
  },
};
