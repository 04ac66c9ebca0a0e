import assert from "node:assert/strict";
import { stunCrypto } from "./crypto.ts";

const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

Deno.test("stunCrypto computes the HMACs of RFC 2202 and RFC 4231, test case 2", () => {
  const key = new TextEncoder().encode("Jefe");
  const data = new TextEncoder().encode("what do ya want for nothing?");
  assert.equal(hex(stunCrypto.hmacSha1(key, data)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  assert.equal(
    hex(stunCrypto.hmacSha256(key, data)),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  assert.equal(stunCrypto.random(12).length, 12);
});
