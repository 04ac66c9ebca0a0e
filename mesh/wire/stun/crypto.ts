/** What the STUN and ICE cores need from outside; all of it synchronous, so that the cores stay state machines. */
export interface StunCrypto {
  /** HMAC-SHA1, 20 bytes. */
  hmacSha1(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** HMAC-SHA256, 32 bytes. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** `n` bytes that nobody can guess. */
  random(n: number): Uint8Array;
}
