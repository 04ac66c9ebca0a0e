/**
 * Signatures by certificates' keys, with WebCrypto: ECDSA over P-256 and P-384, RSA (PKCS #1 v1.5) of 2048 to 8192 bits, with
 * SHA-2. Everything else is refused by name: SHA-1 and MD5 can be forged, PSS and other curves nobody has asked for yet.
 */
import { AsnConvert } from "@peculiar/asn1-schema";
import { ECDSASigValue } from "@peculiar/asn1-ecc";
import { SubjectPublicKeyInfo } from "@peculiar/asn1-x509";
import type { Bytes } from "../../../wire/encoding.ts";
import { type Certificate, toHex } from "./certificate.ts";

const EC = "1.2.840.10045.2.1";
const RSA = "1.2.840.113549.1.1.1";
/** By the encoded parameters of the key's algorithm: curves that are spelled out (CVE-2020-0601) find nothing here. */
const CURVES: Record<string, { namedCurve: "P-256" | "P-384"; size: number; hash: "SHA-256" | "SHA-384" }> = {
  "06082a8648ce3d030107": { namedCurve: "P-256", size: 32, hash: "SHA-256" },
  "06052b81040022": { namedCurve: "P-384", size: 48, hash: "SHA-384" },
};
const MIN_RSA = 2048;
const MAX_RSA = 8192;
const MAX_EXPONENT_BYTES = 4;

const SIGNATURES: Record<string, { key: typeof EC | typeof RSA; hash: string }> = {
  "1.2.840.10045.4.3.2": { key: EC, hash: "SHA-256" },
  "1.2.840.10045.4.3.3": { key: EC, hash: "SHA-384" },
  "1.2.840.10045.4.3.4": { key: EC, hash: "SHA-512" },
  "1.2.840.113549.1.1.11": { key: RSA, hash: "SHA-256" },
  "1.2.840.113549.1.1.12": { key: RSA, hash: "SHA-384" },
  "1.2.840.113549.1.1.13": { key: RSA, hash: "SHA-512" },
};

/** What a certificate's key is, as WebCrypto and a proof's signature want it. */
export type KeyKind =
  | { name: "ECDSA"; namedCurve: "P-256" | "P-384"; size: number; hash: "SHA-256" | "SHA-384" }
  | { name: "RSASSA-PKCS1-v1_5"; hash: "SHA-256" };

/** The kind of a public key. @throws Error for one that is not taken */
function keyKind(spki: Bytes): KeyKind {
  const { algorithm } = AsnConvert.parse(spki, SubjectPublicKeyInfo);
  if (algorithm.algorithm === RSA) return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (algorithm.algorithm !== EC) throw new Error(`keys of kind ${algorithm.algorithm} are not taken`);
  const curve = algorithm.parameters ? CURVES[toHex(new Uint8Array(algorithm.parameters))] : undefined;
  if (!curve) throw new Error("expected a key on P-256 or P-384");
  return { name: "ECDSA", ...curve };
}

/** Imports a public key, with its size checked. @throws Error */
export async function importKey(spki: Bytes, hash?: string): Promise<{ key: CryptoKey; kind: KeyKind }> {
  const kind = keyKind(spki);
  const algorithm = kind.name === "ECDSA" ? kind : { name: kind.name, hash: hash ?? kind.hash };
  const key = await crypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]);
  if (kind.name !== "ECDSA") {
    const { modulusLength, publicExponent } = key.algorithm as RsaHashedKeyAlgorithm;
    if (modulusLength < MIN_RSA || modulusLength > MAX_RSA) {
      throw new Error(`expected an RSA key of ${MIN_RSA} to ${MAX_RSA} bits, found ${modulusLength}`);
    }
    if (publicExponent.length > MAX_EXPONENT_BYTES) throw new Error("the RSA key's exponent is too long");
  }
  return { key, kind };
}

/** Whether `issuer`'s key signed `subject`. @throws Error when one of them is of a kind that is not taken */
export async function isSignedBy(subject: Certificate, issuer: Certificate): Promise<boolean> {
  const { oid } = subject.signatureAlgorithm;
  const algorithm = SIGNATURES[oid];
  if (!algorithm) throw new Error(`signatures of kind ${oid} are not taken`);
  const { key, kind } = await importKey(issuer.spki, algorithm.hash);
  if ((kind.name === "ECDSA") !== (algorithm.key === EC)) return false;
  if (kind.name !== "ECDSA") {
    return await crypto.subtle.verify(kind.name, key, subject.signature, subject.tbs);
  }
  const signature = rawSignature(subject.signature, kind.size);
  if (signature === null) return false;
  return await crypto.subtle.verify({ name: "ECDSA", hash: algorithm.hash }, key, signature, subject.tbs);
}

/** From DER to the form of WebCrypto: r and s, each as long as the curve's order. */
function rawSignature(der: Bytes, size: number): Bytes | null {
  const { r, s } = AsnConvert.parse(der, ECDSASigValue);
  const raw = new Uint8Array(2 * size);
  for (const [i, part] of [r, s].entries()) {
    const bytes = new Uint8Array(part);
    const start = bytes.findIndex((byte) => byte !== 0);
    const number = start < 0 ? bytes.subarray(0, 0) : bytes.subarray(start);
    if (number.length > size) return null;
    raw.set(number, (i + 1) * size - number.length);
  }
  return raw;
}

/** Whether a certificate's key made this signature of a proof. */
export async function verifyProof(spki: Bytes, signature: Bytes, signed: Bytes): Promise<boolean> {
  const { key, kind } = await importKey(spki);
  return await crypto.subtle.verify(kind, key, signature, signed);
}

/** A proof's signature by the private key that belongs to `spki`. @throws Error when the two do not belong together */
export async function signProof(spki: Bytes, pkcs8: Bytes, signed: Bytes): Promise<Bytes> {
  const kind = keyKind(spki);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, kind, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign(kind, key, signed));
  if (!await verifyProof(spki, signature, signed)) throw new Error("the key is not the certificate's");
  return signature;
}
