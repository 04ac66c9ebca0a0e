/**
 * Keys and the ids that follow from them. All keys are 32 raw bytes in base64url: Ed25519 to sign, X25519 for WireGuard
 * and HPKE. A public key has one accepted spelling: non-canonical encodings and points of small order are refused, so
 * that what revokes a key cannot be passed by writing the same key in another way.
 */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64.js";
import { type Bytes, fromBase64Url, toBase32, toBase64Url, utf8 } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";

/** An Ed25519 key pair, both halves in base64url. */
export interface SigningKey {
  readonly seed: string;
  readonly public: string;
}

/** An X25519 key pair (WireGuard and HPKE), both halves in base64url. */
export interface BoxKey {
  readonly private: string;
  readonly public: string;
}

// PKCS #8 of a 32-byte private key (RFC 8410 section 7), before the key itself; byte 11 is the last arc of the algorithm.
const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0, 4, 0x22, 4, 0x20];
const ARC = { Ed25519: 0x70, X25519: 0x6e } as const;

async function publicHalf(algorithm: keyof typeof ARC, privateBytes: Bytes): Promise<string> {
  if (privateBytes.length !== 32) throw new RangeError("A private key has 32 bytes");
  const pkcs8 = new Uint8Array([...PKCS8, ...privateBytes]);
  pkcs8[11] = ARC[algorithm];
  const usages: KeyUsage[] = algorithm === "Ed25519" ? ["sign"] : ["deriveBits"];
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, usages);
  const jwk = await crypto.subtle.exportKey("jwk", key);
  return jwk.x!;
}

/** The signing key of 32 random bytes (RFC 8032 section 5.1.5). */
export async function signingKeyFromSeed(seed: Bytes): Promise<SigningKey> {
  return { seed: toBase64Url(seed), public: await publicHalf("Ed25519", seed) };
}

/** The X25519 key of 32 random bytes, clamped as `wg genkey` does (RFC 7748 section 5). */
export async function boxKeyFromSeed(seed: Bytes): Promise<BoxKey> {
  const bytes = new Uint8Array(seed);
  bytes[0]! &= 248;
  bytes[31] = (bytes[31]! & 127) | 64;
  return { private: toBase64Url(bytes), public: await publicHalf("X25519", bytes) };
}

/** A key in WireGuard's spelling: standard base64 with padding. */
export function toWgKey(key: string): string {
  return encodeBase64(rawKey(key, "key"));
}

/**
 * A key from WireGuard's spelling.
 * @throws GhostError `bad_input`
 */
export function fromWgKey(text: string): string {
  try {
    const bytes = decodeBase64(text);
    if (bytes.length === 32 && encodeBase64(bytes) === text) return toBase64Url(bytes);
  } catch { /* told below */ }
  throw new GhostError("bad_input", "Not a WireGuard key", { place: "key" });
}

function rawKey(key: string, place: string): Bytes {
  const bytes = fromBase64Url(key, place);
  if (bytes.length !== 32) throw new GhostError("bad_input", "Expected 32 bytes in base64url", { place });
  return bytes;
}

const P = (1n << 255n) - 19n;

// The y coordinates of the Ed25519 points of order 1, 2, 4 and 8, and the u coordinates of X25519's (RFC 7748 section 6.1).
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const ED_SMALL = new Set([0n, 1n, P - 1n, Y8, P - Y8]);
const X_SMALL = new Set([
  0n,
  1n,
  P - 1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
]);

function littleEndian(bytes: Uint8Array): bigint {
  let n = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(bytes[i]!);
  return n;
}

/**
 * Refuses an Ed25519 public key that is non-canonical or of small order; for the latter anybody can make signatures.
 * @throws GhostError `bad_signature`
 */
export function checkSigningKey(key: string, place: string): void {
  const y = littleEndian(rawKey(key, place)) & ((1n << 255n) - 1n);
  if (y >= P || ED_SMALL.has(y)) throw new GhostError("bad_signature", "Unsafe Ed25519 public key", { place });
}

/**
 * Refuses an X25519 public key that is non-canonical or of small order; what is sealed to the latter anybody can read.
 * @throws GhostError `bad_record`
 */
export function checkBoxKey(key: string, place: string): void {
  const u = littleEndian(rawKey(key, place));
  if (u >= P || X_SMALL.has(u)) throw new GhostError("bad_record", "Unsafe X25519 public key", { place });
}

/** SHA-256 of bytes or of a text's UTF-8. */
export async function sha256(data: string | Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", typeof data === "string" ? utf8(data) : data));
}

/** SHA-256 in base64url: an entry's hash, a body's hash. */
export async function hashOf(data: string | Bytes): Promise<string> {
  return toBase64Url(await sha256(data));
}

/** The id of the machine (node or gate) with this identity key: 16 bytes in base32. */
export async function nodeIdOf(publicKey: string): Promise<string> {
  return toBase32((await sha256(rawKey(publicKey, "identity key"))).subarray(0, 16));
}

/** The id of the network that this genesis entry founds: 20 bytes in base32. */
export async function networkIdOf(genesisJws: string): Promise<string> {
  return toBase32((await sha256(genesisJws)).subarray(0, 20));
}
