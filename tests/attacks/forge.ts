/** What an attacker makes of others' statements and of keys of its own. Nothing here is used by the product. */
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";

/** A JWS with this header and payload, and 64 bytes of nothing for a signature. */
export function unsigned(header: object, payload: object): string {
  const part = (value: object) => toBase64Url(utf8(JSON.stringify(value)));
  return `${part(header)}.${part(payload)}.${toBase64Url(new Uint8Array(64))}`;
}

/** The payload of a JWS, unverified. */
export function payloadOf<T>(jws: string): T {
  return JSON.parse(fromUtf8(fromBase64Url(jws.split(".")[1]!))) as T;
}

/** The same header and signature over a changed payload. */
export function edited(jws: string, change: object): string {
  const [header, payload, signature] = jws.split(".");
  const value = { ...JSON.parse(fromUtf8(fromBase64Url(payload!))), ...change };
  return [header, toBase64Url(utf8(JSON.stringify(value))), signature].join(".");
}

const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

/** The same signature with S + L for S: a second spelling that loose verifiers take (RFC 8032 section 5.1.7 forbids it). */
export function malleated(jws: string): string {
  const [header, payload, signature] = jws.split(".");
  const bytes = fromBase64Url(signature!);
  let s = 0n;
  for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(bytes[i]!);
  s += ORDER;
  for (let i = 32; i < 64; i++, s >>= 8n) bytes[i] = Number(s & 0xffn);
  return [header, payload, toBase64Url(bytes)].join(".");
}

/** Other spellings of the same JWS: padding, standard base64, stray bits, spaces, another order of the header's members. */
export function spellings(jws: string): string[] {
  const [header, payload, signature] = jws.split(".") as [string, string, string];
  const pad = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, "=");
  const stray = signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1);
  const value = JSON.parse(fromUtf8(fromBase64Url(header)));
  const turned = toBase64Url(utf8(JSON.stringify({ jwk: value.jwk, typ: value.typ, alg: value.alg })));
  const spaced = toBase64Url(utf8(JSON.stringify(value, null, 1)));
  return [
    [pad(header), pad(payload), pad(signature)].join("."),
    [header, payload, stray].join("."),
    [turned, payload, signature].join("."),
    [spaced, payload, signature].join("."),
    `${jws}.`,
    ` ${jws}`,
    `${jws}\n`,
    [header, payload, signature.replace(/-/g, "+").replace(/_/g, "/")].join("."),
    JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
  ].filter((text) => text !== jws);
}

/** The key in the header of a JWS. */
export function keyOf(jws: string): string {
  return JSON.parse(fromUtf8(fromBase64Url(jws.split(".")[0]!))).jwk.x;
}
