import { GhostError } from "../../errors.ts";
import { type Attribute, expectLength, viewOf } from "../attribute.ts";

/** PRIORITY, RFC 8445 section 16.1: the priority that a peer-reflexive candidate learnt from this check would have. */
export const PRIORITY: Attribute<number> = {
  type: 0x0024,
  name: "PRIORITY",
  encode(value) {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, value);
    return bytes;
  },
  decode(value) {
    expectLength(value, 4, "PRIORITY");
    const priority = viewOf(value).getUint32(0);
    if (priority < 1 || priority > 0x7fff_ffff) {
      throw new GhostError("bad_input", `Out of range: ${priority}`, { place: "stun.PRIORITY" });
    }
    return priority;
  },
};
