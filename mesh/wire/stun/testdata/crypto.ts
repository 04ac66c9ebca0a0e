/** Crypto for the tests of the cores: real HMACs, and random bytes from a seed, so that every run can be repeated. */
import { createHmac } from "node:crypto";
import type { StunCrypto } from "../crypto.ts";

/** A small seeded generator (mulberry32): numbers from 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The crypto that the cores are handed, drawing from this generator. */
export function testCrypto(random: () => number): StunCrypto {
  return {
    hmacSha1: (key, data) => new Uint8Array(createHmac("sha1", key).update(data).digest()),
    hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
    random: (n) => Uint8Array.from({ length: n }, () => Math.floor(random() * 256)),
  };
}
