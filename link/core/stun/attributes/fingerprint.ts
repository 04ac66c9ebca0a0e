import { viewOf } from "../attribute.ts";
import { covered } from "./message_integrity.ts";

/** FINGERPRINT, RFC 8489 section 14.7: CRC-32 of what stands before it, XORed with "STUN"; always the last attribute. */
export const FINGERPRINT = 0x8028;
const STUN_TEXT = 0x5354554e;

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 of ISO 3309, as in gzip and Ethernet. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** The attribute's value for the first `offset` bytes of a message. */
export function fingerprint(message: Uint8Array, offset = message.length): Uint8Array {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, (crc32(covered(message, offset, 4)) ^ STUN_TEXT) >>> 0);
  return value;
}
