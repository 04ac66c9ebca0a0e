/** Text forms of bytes: base64url (RFC 4648 section 5) and lower-case base32 (section 6), both without padding and strict. */
import { decodeBase64Url, encodeBase64Url } from "@std/encoding/base64url.js";
import { decodeBase32, encodeBase32 } from "@std/encoding/base32.js";
import { GhostError } from "./errors.ts";

/** Bytes over a plain ArrayBuffer, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return encodeBase64Url(bytes);
}

/**
 * Bytes of a base64url text. Only the canonical form is taken (no padding, no stray bits), so one value has one spelling.
 * @throws GhostError `bad_input` with `place`
 */
export function fromBase64Url(text: string, place = "base64url"): Bytes {
  try {
    const bytes = decodeBase64Url(text) as Bytes;
    if (encodeBase64Url(bytes) === text) return bytes;
  } catch { /* told below */ }
  throw new GhostError("bad_input", "Not canonical base64url", { place });
}

/** Lower-case base32 without padding. */
export function toBase32(bytes: Uint8Array): string {
  return encodeBase32(bytes).replace(/=+$/, "").toLowerCase();
}

/**
 * Bytes of a lower-case base32 text.
 * @throws GhostError `bad_input` with `place`
 */
export function fromBase32(text: string, place = "base32"): Bytes {
  try {
    const padded = text.toUpperCase().padEnd(Math.ceil(text.length / 8) * 8, "=");
    const bytes = decodeBase32(padded) as Bytes;
    if (toBase32(bytes) === text) return bytes;
  } catch { /* told below */ }
  throw new GhostError("bad_input", "Not canonical base32", { place });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/**
 * Text of UTF-8 bytes.
 * @throws GhostError `bad_input` when they are not UTF-8
 */
export function fromUtf8(bytes: Uint8Array, place = "text"): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new GhostError("bad_input", "Not UTF-8", { place });
  }
}

/**
 * The value of a JSON text of bounded length.
 * @throws GhostError `bad_input` or `too_large`
 */
export function parseJson(
  text: string,
  { place = "JSON", max = 1 << 20 }: { place?: string; max?: number } = {},
): unknown {
  if (text.length > max) throw new GhostError("too_large", `Longer than ${max} characters`, { place });
  try {
    return JSON.parse(text);
  } catch {
    throw new GhostError("bad_input", "Not valid JSON", { place });
  }
}

/** All bytes in one piece. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Compares in time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let diff = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) diff |= a[i]! ^ (b[i % Math.max(1, b.length)] ?? 0);
  return diff === 0;
}
