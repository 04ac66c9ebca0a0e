import { GhostError } from "../../errors.ts";
import { type Attribute, expectLength, viewOf } from "../attribute.ts";

/** First and last channel that a client may bind (RFC 8656 section 12). */
export const FIRST_CHANNEL = 0x4000;
export const LAST_CHANNEL = 0x4fff;

/** CHANNEL-NUMBER, RFC 8656 section 18.1: the number and two bytes that are zero. */
export const CHANNEL_NUMBER: Attribute<number> = {
  type: 0x000c,
  name: "CHANNEL-NUMBER",
  encode: (value) => Uint8Array.from([value >> 8, value & 0xff, 0, 0]),
  decode(value) {
    expectLength(value, 4, "CHANNEL-NUMBER");
    const channel = viewOf(value).getUint16(0);
    if (channel < FIRST_CHANNEL || channel > LAST_CHANNEL) {
      throw new GhostError("bad_input", `Out of range: ${channel}`, { place: "stun.CHANNEL-NUMBER" });
    }
    return channel;
  },
};
