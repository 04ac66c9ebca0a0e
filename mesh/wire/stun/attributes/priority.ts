import { GhostError } from "../../errors.ts";
import type { Attribute } from "../attribute.ts";
import { uint32 } from "./uint32.ts";

const NUMBER = uint32(0x0024, "PRIORITY");

/** PRIORITY, RFC 8445 section 16.1: the priority that a peer-reflexive candidate learnt from this check would have. */
export const PRIORITY: Attribute<number> = {
  ...NUMBER,
  decode(value, transaction) {
    const priority = NUMBER.decode(value, transaction);
    if (priority < 1 || priority > 0x7fff_ffff) {
      throw new GhostError("bad_input", `Out of range: ${priority}`, { place: "stun.PRIORITY" });
    }
    return priority;
  },
};
