/**
 * The gate's TLS certificate: self-made, P-256, one for the gate's whole life, because nodes know it by its hash alone
 * (in the signed gate record) and ask for nothing else in it.
 */
import "reflect-metadata";
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { type Bytes, toBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { parse, z } from "../../mesh/wire/schema.ts";

const DAY = 86_400_000;
const LIFE = 3650 * DAY;
/** Name in the certificate; nodes ask for it whatever address they dial. */
const NAME = "ghostgate";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const file = z.strictObject({ cert: z.string().max(8192), key: z.string().max(8192) });

export interface Certificate {
  /** PEM. */
  cert: string;
  key: string;
  /** SHA-256 of the certificate's DER, base64url. */
  hash: string;
}

/** The certificate in `dir`, made when there is none or it ends within a day. */
export async function openCertificate(
  dir: string,
  o: { now(): number; random(n: number): Bytes },
): Promise<Certificate> {
  const path = `${dir}/certificate.json`;
  const found = await readJson(path);
  if (found !== undefined) {
    const { cert, key } = parse(file, found, path, "bad_config");
    const parsed = read(cert, path);
    if (parsed.notAfter.getTime() > o.now() + DAY) return { cert, key, hash: await hashOf(parsed) };
  }
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: [...o.random(8)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    name: `CN=${NAME}`,
    // Earlier than now, for nodes whose clock is behind.
    notBefore: new Date(o.now() - DAY),
    notAfter: new Date(o.now() + LIFE),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: NAME }])],
  });
  const cert = made.toString("pem");
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  await writeJson(path, { cert, key });
  return { cert, key, hash: await hashOf(made) };
}

function read(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new GhostError("bad_config", "Not a certificate", {
      place: path,
      mend: "remove the file; a new certificate is made and published",
      cause,
    });
  }
}

async function hashOf(certificate: X509Certificate): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", certificate.rawData)));
}
