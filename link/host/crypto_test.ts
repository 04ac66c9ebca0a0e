import assert from "node:assert/strict";
import { stunCrypto } from "./crypto.ts";

const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

Deno.test("stunCrypto computes the HMACs of RFC 2202 and RFC 4231", () => {
  const key = new TextEncoder().encode("Jefe");
  const data = new TextEncoder().encode("what do ya want for nothing?");
  assert.equal(hex(stunCrypto.hmacSha1(key, data)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  assert.equal(
    hex(stunCrypto.hmacSha256(key, data)),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  const longKey = new Uint8Array(80).fill(0xaa); // RFC 2202, test case 6
  const text = new TextEncoder().encode("Test Using Larger Than Block-Size Key - Hash Key First");
  assert.equal(hex(stunCrypto.hmacSha1(longKey, text)), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  assert.equal(stunCrypto.random(12).length, 12);
});
