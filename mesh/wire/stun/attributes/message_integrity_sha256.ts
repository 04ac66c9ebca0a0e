import { equalBytes } from "../../encoding.ts";
import type { RawAttribute } from "../attribute.ts";
import type { StunCrypto } from "../crypto.ts";
import { covered } from "./message_integrity.ts";

/** MESSAGE-INTEGRITY-SHA256, RFC 8489 section 14.6; never truncated here, because no usage of ours allows it. */
export const MESSAGE_INTEGRITY_SHA256 = 0x001c;

/** The attribute's value for a message whose bytes so far are given. */
export function messageIntegritySha256(
  message: Uint8Array,
  { key, crypto }: { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha256"> },
): Uint8Array {
  return crypto.hmacSha256(key, covered(message, message.length, 32));
}

/** Whether the attribute holds for this key. */
export function verifyMessageIntegritySha256(
  message: Uint8Array,
  attribute: RawAttribute,
  { key, crypto }: { key: Uint8Array; crypto: Pick<StunCrypto, "hmacSha256"> },
): boolean {
  return attribute.value.length === 32 &&
    equalBytes(attribute.value, crypto.hmacSha256(key, covered(message, attribute.offset, 32)));
}
