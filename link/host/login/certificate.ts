/**
 * The certificate by which this machine belongs to its network. Its key stays where it is: what is kept in the state folder is
 * where the two files lie, so that a certificate that is renewed in its place renews the proof, too.
 */
import { createPrivateKey } from "node:crypto";
import { isAbsolute, resolve } from "node:path";
import { readJson, writeSecret } from "../../../mesh/host/state_dir.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { AdmissionProof } from "../../../mesh/wire/record.ts";
import { parse, z } from "../../../mesh/wire/schema.ts";

const MAX_FILE = 262_144;

const path = z.string().max(4096).refine(isAbsolute, "Expected an absolute path");
const schema = z.strictObject({ cert: path, key: path });

/** Two files, absolute paths. */
export type CertificateFiles = z.infer<typeof schema>;

/** What the files hold: the chain, and the key as PKCS #8, both PEM. */
export interface CertificatePair {
  cert: string;
  key: string;
}

const fileOf = (dir: string) => `${dir}/certificate.json`;

/** Where the files lie, null when this machine came in another way. */
export async function certificateFiles(dir: string): Promise<CertificateFiles | null> {
  const value = await readJson(fileOf(dir));
  return value === undefined ? null : parse(schema, value, fileOf(dir), "bad_config");
}

/** Remembers where the files lie. The form is what scripts/launch.sh reads: one line, a member a file. */
export async function saveCertificateFiles(dir: string, files: CertificateFiles): Promise<void> {
  await writeSecret(fileOf(dir), `${JSON.stringify(files)}\n`);
}

/** As typed on a command line. */
export function absolute({ cert, key }: CertificateFiles): CertificateFiles {
  return { cert: resolve(cert), key: resolve(key) };
}

/** Reads both files. @throws GhostError `bad_input`, with the file and the mend */
export async function readPair({ cert, key }: CertificateFiles): Promise<CertificatePair> {
  const [chain, secret] = await Promise.all([readText(cert), readText(key)]);
  try {
    return { cert: chain, key: createPrivateKey(secret).export({ type: "pkcs8", format: "pem" }).toString() };
  } catch (error) {
    const encrypted = secret.includes("ENCRYPTED");
    throw new GhostError("bad_input", encrypted ? "The key is encrypted" : "Not a private key", {
      place: key,
      mend: encrypted
        ? "a daemon can ask nobody for a passphrase; decrypt it: openssl pkey -in KEY -out NEW"
        : "expected PEM, such as openssl writes",
      cause: error,
    });
  }
}

async function readText(file: string): Promise<string> {
  try {
    if ((await Deno.stat(file)).size > MAX_FILE) throw new GhostError("too_large", "Too large", { place: file });
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof GhostError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    throw new GhostError("bad_input", missing ? "No such file" : "Cannot read this file", {
      place: file,
      mend: "name the certificate with --cert and its key with --key",
      cause: error,
    });
  }
}

/** A proof by these files that admits the identity `sub`. @throws GhostError `bad_input` */
export async function proofBy(
  files: CertificateFiles,
  { net, sub, pair }: { net: string; sub: string; pair: CertificatePair },
): Promise<Extract<AdmissionProof, { kind: "x509" }>> {
  // Only here: reading certificates takes megabytes of libraries, which a daemon that came in another way never needs.
  const { makeX509Proof } = await import("../../../mesh/trust/admission/x509.ts");
  return await makeX509Proof({ ...pair, net, sub, places: files });
}
