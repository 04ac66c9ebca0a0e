import { equalBytes } from "../../encoding.ts";
import type { RawAttribute } from "../attribute.ts";
import { viewOf } from "../attribute.ts";
import type { StunCrypto } from "../crypto.ts";

/** MESSAGE-INTEGRITY, RFC 8489 section 14.5: HMAC-SHA1. */
export const MESSAGE_INTEGRITY = 0x0008;

/** The part of the message that an integrity attribute at `offset` covers, with the length that ends after that attribute. */
export function covered(message: Uint8Array, offset: number, valueLength: number): Uint8Array {
  const bytes = message.slice(0, offset);
  viewOf(bytes).setUint16(2, offset - 20 + 4 + valueLength);
  return bytes;
}

/** The attribute's value for a message whose bytes so far are given. */
export function messageIntegrity(
  message: Uint8Array,
  { key, crypto }: { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha1"> },
): Uint8Array {
  return crypto.hmacSha1(key, covered(message, message.length, 20));
}

/** Whether the attribute holds for this key. */
export function verifyMessageIntegrity(
  message: Uint8Array,
  attribute: RawAttribute,
  { key, crypto }: { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha1"> },
): boolean {
  return attribute.value.length === 20 &&
    equalBytes(attribute.value, crypto.hmacSha1(key, covered(message, attribute.offset, 20)));
}
