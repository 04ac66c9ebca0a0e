/**
 * The one signature format: compact JWS (RFC 7515) with Ed25519 (RFC 8037), signed and checked by jose.
 *
 * Far stricter than the RFC asks, because hashes of whole texts name ledger entries and what is accepted must have one
 * spelling: canonical base64url, a header of exactly `alg` "EdDSA", the expected `typ` and a `jwk` of exactly `kty`, `crv`
 * and `x`. Anything else in the header (`crit`, `b64`, `kid`, `jku`, `x5c`, ...) is refused rather than ignored. Signatures
 * with S outside the group order are refused by the platform's Ed25519 (tested in jws_test.ts).
 */
import { CompactSign, compactVerify, importJWK } from "jose";
import { fromBase64Url, fromUtf8, parseJson, utf8 } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { key32, parse, z } from "../wire/schema.ts";
import { checkSigningKey, type SigningKey } from "./keys.ts";

/** Longest JWS that is looked at, in characters. */
const MAX_JWS = 1 << 20;
const MAX_HEADER = 512;
const SIGNATURE_CHARS = 86;

const header = z.strictObject({
  alg: z.literal("EdDSA"),
  typ: z.string().max(64),
  jwk: z.strictObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: key32 }),
});

const privateKeys = new WeakMap<SigningKey, Promise<CryptoKey>>();

function privateKey(key: SigningKey): Promise<CryptoKey> {
  let imported = privateKeys.get(key);
  if (!imported) {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key.public, d: key.seed };
    imported = importJWK(jwk, "EdDSA") as Promise<CryptoKey>;
    privateKeys.set(key, imported);
  }
  return imported;
}

// Importing costs as much as verifying, and a mesh sees the same keys again and again. Oldest out first, so strangers
// can fill it but not grow it.
const MAX_KEYS = 4096;
const publicKeys = new Map<string, Promise<CryptoKey>>();

function publicKey(x: string, place: string): Promise<CryptoKey> {
  let imported = publicKeys.get(x);
  if (!imported) {
    checkSigningKey(x, `${place}.jwk.x`);
    imported = importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA") as Promise<CryptoKey>;
    if (publicKeys.size >= MAX_KEYS) publicKeys.delete(publicKeys.keys().next().value!);
    publicKeys.set(x, imported);
  }
  return imported;
}

/** Signs a payload; the header carries the public key. */
export async function signJws(payload: object, o: { typ: string; key: SigningKey }): Promise<string> {
  return await new CompactSign(utf8(JSON.stringify(payload)))
    .setProtectedHeader({ alg: "EdDSA", typ: o.typ, jwk: { kty: "OKP", crv: "Ed25519", x: o.key.public } })
    .sign(await privateKey(o.key));
}

/** What to expect of a JWS: its `typ`, the signer if it is known, the longest text, and what to call it in errors. */
export interface VerifyOptions {
  typ: string;
  key?: string;
  max?: number;
  place?: string;
}

interface ReadJws {
  key: string;
  payload: unknown;
  place: string;
}

/** Everything about a JWS that is checked before its signature. */
function read(jws: string, o: VerifyOptions): ReadJws {
  const place = o.place ?? o.typ;
  const max = o.max ?? MAX_JWS;
  if (jws.length > max) throw new GhostError("too_large", `Longer than ${max} characters`, { place });
  const parts = jws.split(".", 4);
  if (parts.length !== 3) throw bad("Not a compact JWS", place);
  const [head, body, signature] = parts as [string, string, string];
  const key = readHeader(head, o.typ, place);
  if (o.key !== undefined && key !== o.key) throw bad("Signed by another key", place);
  if (signature.length !== SIGNATURE_CHARS) throw bad("A signature has 64 bytes", place);
  return { key, payload: readPayload(body, signature, { place, max }), place };
}

/**
 * Checks a JWS and returns who signed what. The payload is a JSON object of unknown shape.
 * @throws GhostError `bad_signature` or `too_large`
 */
export async function verifyJws(jws: string, o: VerifyOptions): Promise<{ key: string; payload: unknown }> {
  const { key, payload, place } = read(jws, o);
  try {
    await compactVerify(jws, await publicKey(key, place), { algorithms: ["EdDSA"] });
  } catch (cause) {
    if (cause instanceof GhostError) throw cause;
    throw new GhostError("bad_signature", "The signature does not fit", { place, cause });
  }
  return { key, payload };
}

/**
 * Reads a JWS whose signature has been checked before and whose text is known by its hash. Nothing else may be read so.
 * @throws GhostError `bad_signature` or `too_large`
 */
export function readVerifiedJws(jws: string, o: VerifyOptions): { key: string; payload: unknown } {
  const { key, payload } = read(jws, o);
  return { key, payload };
}

function bad(message: string, place: string): GhostError {
  return new GhostError("bad_signature", message, { place });
}

function readHeader(text: string, typ: string, place: string): string {
  if (text.length > MAX_HEADER) throw bad("Header too long", place);
  let value: unknown;
  try {
    value = parseJson(fromUtf8(fromBase64Url(text)));
  } catch {
    throw bad("The header is not canonical base64url of JSON", place);
  }
  const h = parse(header, value, `${place}.header`, "bad_signature");
  if (h.typ !== typ) throw bad(`Expected typ "${typ}", found "${h.typ}"`, place);
  return h.jwk.x;
}

function readPayload(text: string, signature: string, o: { place: string; max: number }): object {
  let value: unknown;
  try {
    fromBase64Url(signature);
    value = parseJson(fromUtf8(fromBase64Url(text)), { max: o.max });
  } catch {
    throw bad("Not canonical base64url of a JSON payload and a signature", o.place);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad("The payload is not an object", o.place);
  }
  return value;
}
