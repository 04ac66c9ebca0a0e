/** HMAC for the ICE and STUN cores, synchronous, which WebCrypto is not. */
import { createHmac, hash, randomBytes } from "node:crypto";
import type { StunCrypto } from "../../mesh/wire/stun/crypto.ts";

/** SHA-1's block, and its result. */
const BLOCK = 64;
const SIZE = 20;

/**
 * HMAC-SHA-1 (RFC 2104) by two calls of the hash alone: createHmac makes a stream for each message, which costs an idle daemon more
 * than anything else in a check.
 */
function hmacSha1(key: Uint8Array, data: Uint8Array): Uint8Array {
  const bytes = key.length > BLOCK ? sha1(key) : key;
  const inner = new Uint8Array(BLOCK + data.length);
  const outer = new Uint8Array(BLOCK + SIZE);
  for (let i = 0; i < BLOCK; i++) {
    const byte = bytes[i] ?? 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  inner.set(data, BLOCK);
  outer.set(sha1(inner), BLOCK);
  return sha1(outer);
}

function sha1(data: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha1", data, "buffer"));
}

/** HMACs by node:crypto and the system's random source. */
export const stunCrypto: StunCrypto = {
  hmacSha1,
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
  random: (n) => new Uint8Array(randomBytes(n)),
};
