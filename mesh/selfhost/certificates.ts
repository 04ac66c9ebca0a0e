/**
 * The coordinator's own certificates: a CA made once, and a leaf under it. Whoever joins pins the CA by its hash (in set-up
 * codes and join tokens), so the leaf can be made anew at any start: for other names, or because it ends before long.
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import ipaddr from "ipaddr.js";
import { writeSecret } from "../host/state_dir.ts";
import { MESH_TLS_NAME } from "../wire/api.ts";
import { type Bytes, toBase64Url } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";

const DAY = 86_400_000;
const CA_LIFE = 3652 * DAY;
const LEAF_LIFE = 4 * 365 * DAY;
/** A leaf with less than this left is made anew. */
const LEAF_RENEW = 3 * 365 * DAY;
/** A certificate begins this much before it is made, for clients whose clock is behind. */
const EARLY = DAY;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** What Deno.serve wants, and what codes and tokens pin. */
export interface OwnCertificates {
  /** PEM of the leaf and the CA, in this order. */
  cert: string;
  key: string;
  /** SHA-256 of the CA's DER, base64url. */
  caHash: string;
  /** When the CA ends. */
  caEnds: Date;
}

export interface OwnCertificatesOptions {
  /** Names and addresses besides the fixed ones. */
  names: readonly string[];
  /** Milliseconds since 1970. */
  now: number;
  random: (length: number) => Bytes;
}

interface Pair {
  certificate: x509.X509Certificate;
  /** PKCS #8 in PEM. */
  key: string;
}

/**
 * Reads CA and leaf from the state folder and makes what is missing or no longer good.
 * @throws GhostError `bad_config` when a file is there and cannot be read as what it should be
 */
export async function ownCertificates(dir: string, options: OwnCertificatesOptions): Promise<OwnCertificates> {
  const ca = await readPair(dir, "ca") ?? await writePair(dir, "ca", await makeCa(options));
  const old = await readPair(dir, "tls");
  const leaf = old && fits(old, ca, options) ? old : await writePair(dir, "tls", await makeLeaf(ca, options));
  return {
    cert: `${leaf.certificate.toString("pem")}\n${ca.certificate.toString("pem")}\n`,
    key: leaf.key,
    caHash: toBase64Url(new Uint8Array(await ca.certificate.getThumbprint("SHA-256"))),
    caEnds: ca.certificate.notAfter,
  };
}

function generator(options: OwnCertificatesOptions, life: number) {
  // The first bit stays clear, because serial numbers are positive (RFC 5280 section 4.1.2.2).
  const serial = options.random(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return {
    serialNumber: serial.toHex(),
    notBefore: new Date(options.now - EARLY),
    notAfter: new Date(options.now + life),
    signingAlgorithm: ALGORITHM,
  };
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function makeCa(options: OwnCertificatesOptions): Promise<Pair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...generator(options, CA_LIFE),
    name: "CN=GhostMesh coordinator CA",
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, key: await exportKey(keys.privateKey) };
}

async function makeLeaf(ca: Pair, options: OwnCertificatesOptions): Promise<Pair> {
  const keys = await newKeys();
  const end = Math.min(options.now + LEAF_LIFE, ca.certificate.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    ...generator(options, end - options.now),
    subject: `CN=${MESH_TLS_NAME}`,
    issuer: ca.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(ca.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([SERVER_AUTH]),
      new x509.SubjectAlternativeNameExtension(namesOf(options).map((value) => ({ type: typeOf(value), value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
    ],
  });
  return { certificate, key: await exportKey(keys.privateKey) };
}

function namesOf({ names }: OwnCertificatesOptions): string[] {
  const canonical = names.map((name) => ipaddr.isValid(name) ? ipaddr.parse(name).toString() : name.toLowerCase());
  return [...new Set([MESH_TLS_NAME, "localhost", "127.0.0.1", "::1", ...canonical])];
}

function typeOf(name: string): "ip" | "dns" {
  return ipaddr.isValid(name) ? "ip" : "dns";
}

/** Whether a leaf is from this CA, for these names, and good for long enough. */
function fits({ certificate }: Pair, ca: Pair, options: OwnCertificatesOptions): boolean {
  const left = certificate.notAfter.getTime() - options.now;
  const ofCa = certificate.notAfter.getTime() === ca.certificate.notAfter.getTime();
  if (certificate.issuer !== ca.certificate.subject || left <= 0 || (left < LEAF_RENEW && !ofCa)) return false;
  const issuer = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId;
  if (issuer === undefined || issuer !== ca.certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId) {
    return false;
  }
  const has = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const canonical = has.map(({ type, value }) => type === "ip" ? ipaddr.parse(value).toString() : value);
  return JSON.stringify(canonical.sort()) === JSON.stringify(namesOf(options).sort());
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function importKey(pem: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);
}

/** Both halves are in one file, so that a crash cannot leave a key beside another's certificate. */
async function writePair(dir: string, name: string, pair: Pair): Promise<Pair> {
  await writeSecret(`${dir}/${name}.pem`, `${pair.key}\n${pair.certificate.toString("pem")}\n`);
  return pair;
}

async function readPair(dir: string, name: string): Promise<Pair | null> {
  const place = `${dir}/${name}.pem`;
  let text: string;
  try {
    text = await Deno.readTextFile(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new GhostError("bad_config", "Cannot read this file", { place, cause: error });
  }
  try {
    const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text)![0];
    const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)![0];
    await importKey(key);
    return { key, certificate: new x509.X509Certificate(certificate) };
  } catch (error) {
    throw new GhostError("bad_config", "Not a key and a certificate", {
      place,
      mend: "bring it back from a copy; a new one would lock out every machine that pins the old",
      cause: error,
    });
  }
}
