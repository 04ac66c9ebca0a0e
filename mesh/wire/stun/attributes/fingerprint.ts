import { crc32 } from "../../crc32.ts";
import { viewOf } from "../attribute.ts";
import { covered } from "./message_integrity.ts";

/** FINGERPRINT, RFC 8489 section 14.7: CRC-32 of what stands before it, XORed with "STUN"; always the last attribute. */
export const FINGERPRINT = 0x8028;
const STUN_TEXT = 0x5354554e;

/** The attribute's value for the first `offset` bytes of a message. */
export function fingerprint(message: Uint8Array, offset = message.length): Uint8Array {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, (crc32(covered(message, offset, 4)) ^ STUN_TEXT) >>> 0);
  return value;
}
