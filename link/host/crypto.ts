/** HMAC for the ICE and STUN cores, synchronous, which WebCrypto is not. */
import { createHmac, randomBytes } from "node:crypto";
import type { StunCrypto } from "../../mesh/wire/stun/crypto.ts";

/** HMACs by node:crypto and the system's random source. */
export const stunCrypto: StunCrypto = {
  hmacSha1: (key, data) => new Uint8Array(createHmac("sha1", key).update(data).digest()),
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
  random: (n) => new Uint8Array(randomBytes(n)),
};
