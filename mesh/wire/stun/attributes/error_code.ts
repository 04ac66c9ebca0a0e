import { fromUtf8, utf8 } from "../../encoding.ts";
import { GhostError } from "../../errors.ts";
import type { Attribute } from "../attribute.ts";

/** A STUN error; RFC 8489 section 14.8 and RFC 8445 section 18.1 (487) list the codes. */
export interface StunError {
  /** 300..699 */
  code: number;
  reason: string;
}

const MAX_REASON = 763;

/** ERROR-CODE, RFC 8489 section 14.8: two zero bytes, the hundreds, the rest, a reason in UTF-8. */
export const ERROR_CODE: Attribute<StunError> = {
  type: 0x0009,
  name: "ERROR-CODE",
  encode({ code, reason }) {
    if (!Number.isInteger(code) || code < 300 || code > 699) throw new RangeError(`Not a STUN error code: ${code}`);
    return Uint8Array.from([0, 0, Math.floor(code / 100), code % 100, ...utf8(reason)]);
  },
  decode(value) {
    const [, , hundreds = 0, rest = 0] = value;
    if (value.length < 4 || value.length > 4 + MAX_REASON || (hundreds & 7) < 3 || (hundreds & 7) > 6 || rest > 99) {
      throw new GhostError("bad_input", "Not an error code", { place: "stun.ERROR-CODE" });
    }
    return { code: (hundreds & 7) * 100 + rest, reason: fromUtf8(value.subarray(4), "stun.ERROR-CODE") };
  },
};
