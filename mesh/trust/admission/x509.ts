/**
 * Admission by certificate (auth_method "mtls"): a chain to a CA whose certificate is in the signed policy, and a signature by
 * the leaf's key over network and identity key. The signature makes the proof this machine's alone: whoever copies the chain
 * (it is in every record) cannot sign for another identity. Peers and gates check it as the coordinator does.
 *
 * What a hostile coordinator gains: nothing; it has no CA's key. What a CA of the policy can do: admit whom it likes, as the user
 * whom it likes, with the rule's tags and no others; name constraints bind its intermediates, and the common name too where that is
 * the user. Certificates end by their validity, which the record's `iat` and the present must both lie in, by a CRL in the
 * policy, or by an admin's `revoke` of issuer and serial number; a revocation that a CA publishes elsewhere is not fetched.
 */
import type { MtlsAdmit } from "../../wire/admit.ts";
import { type Bytes, fromBase64Url, toBase64Url, utf8 } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import type { AdmissionProof } from "../../wire/record.ts";
import type { Admission, AdmissionContext } from "./admission.ts";
import { type Certificate, decodeCertificate } from "./x509/certificate.ts";
import { validatePath } from "./x509/path.ts";
import { readPem } from "./x509/pem.ts";
import { readRevoked, revocationName } from "./x509/revoked.ts";
import { signProof, verifyProof } from "./x509/signature.ts";
import { commonNamesAsNames, userOf } from "./x509/user.ts";

const PLACE = "record.proof";
const MAX_ANCHORS = 32;

type X509Proof = Extract<AdmissionProof, { kind: "x509" }>;

/** A way in with what its files say. */
interface Prepared {
  anchors: readonly Certificate[];
  revoked: ReadonlySet<string>;
}

/** What the leaf's key signs. No other protocol signs a text that begins so. */
function signedText(net: string, key: string): Bytes {
  return utf8(`GhostMesh admission by certificate, version 1\n${net}\n${key}\n`);
}

/**
 * Checks a proof of kind `x509`. Of several ways in by certificate the first that admits counts.
 * @throws GhostError `not_admitted`, `revoked`, `bad_signature`
 */
export async function verifyX509Proof(proof: X509Proof, context: AdmissionContext): Promise<Admission> {
  const rules = context.admit.filter((rule) => rule.method === "mtls");
  if (rules.length === 0) {
    const mend = 'an admin can allow it: [[admit]] method = "mtls"';
    throw new GhostError("not_admitted", "The network's policy admits nobody by certificate", { place: PLACE, mend });
  }
  const chain = proof.chain.map((text, i) =>
    DECODED.get(text) ?? decoded(fromBase64Url(text, `${PLACE}.chain[${i}]`), i)
  );
  const [leaf] = chain;
  if (leaf === undefined) throw refused("The chain is empty");
  await checkSignature(proof, leaf, context);
  let fault: unknown;
  for (const rule of rules) {
    try {
      const admission = await admitBy(rule, chain, context);
      for (const [i, text] of proof.chain.entries()) remember(text, chain[i]!);
      return admission;
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}

/**
 * Certificates that admitted somebody, decoded, by their text: records are checked again at every change of the ledger, and decoding
 * is most of the work. Strangers' certificates never get in.
 */
const DECODED = new Map<string, Certificate>();
const MAX_DECODED = 4096;

function remember(text: string, certificate: Certificate): void {
  if (DECODED.has(text)) return;
  if (DECODED.size >= MAX_DECODED) DECODED.delete(DECODED.keys().next().value!);
  DECODED.set(text, certificate);
}

async function checkSignature(proof: X509Proof, { spki }: Certificate, o: AdmissionContext): Promise<void> {
  const place = `${PLACE}.signature`;
  const signature = fromBase64Url(proof.signature, place);
  let holds = false;
  try {
    holds = await verifyProof(spki, signature, signedText(o.ledger.network.id, o.key));
  } catch (error) {
    throw refused(`Its key cannot be used: ${messageOf(error)}`, `${PLACE}.chain[0]`);
  }
  if (holds) return;
  throw new GhostError("bad_signature", "The certificate's key did not sign this network and identity", { place });
}

async function admitBy(rule: MtlsAdmit, chain: readonly Certificate[], context: AdmissionContext): Promise<Admission> {
  const { now, iat, ledger } = context;
  const { anchors, revoked } = await prepare(rule);
  const leaf = chain[0]!;
  const path = await validatePath(chain, {
    anchors,
    times: iat === undefined ? [now] : [iat, now],
    also: rule.user === "cn" ? commonNamesAsNames(leaf) : [],
    place: PLACE,
  });
  for (const [i, certificate] of path.slice(1).reverse().entries()) {
    const name = await revocationName(certificate);
    if (!revoked.has(name) && !ledger.isRevoked("certificate", name)) continue;
    const mend = "get a new certificate";
    throw new GhostError("revoked", `Certificate ${name} was revoked`, { place: `${PLACE}.chain[${i}]`, mend });
  }
  return {
    method: "x509",
    tags: [...rule.tags],
    user: rule.user === null ? null : userNamedBy(leaf, rule.user),
    subject: null,
    groups: [],
    prefixes: [],
    ephemeral: false,
    gate: false,
    grant: null,
    since: leaf.notBefore,
    // The validity's last second belongs to it.
    expires: Math.min(...path.map(({ notAfter }) => notAfter)) + 1,
  };
}

function userNamedBy(leaf: Certificate, place: NonNullable<MtlsAdmit["user"]>): string {
  try {
    return userOf(leaf, place);
  } catch (error) {
    const mend = `the policy takes the user from "${place}"; have a certificate issued that has it`;
    throw new GhostError("not_admitted", messageOf(error), { place: `${PLACE}.chain[0]`, mend });
  }
}

/** Rules live as long as the policy that they are from, and their files are read once. */
const PREPARED = new WeakMap<MtlsAdmit, Promise<Prepared>>();

function prepare(rule: MtlsAdmit): Promise<Prepared> {
  const known = PREPARED.get(rule) ?? readRule(rule);
  PREPARED.set(rule, known);
  return known;
}

async function readRule({ ca, crl }: MtlsAdmit): Promise<Prepared> {
  try {
    const anchors = readPem(ca, "CERTIFICATE", MAX_ANCHORS).map(decodeCertificate);
    if (anchors.length === 0) throw new Error("no certificate in it");
    return { anchors, revoked: await readRevoked(crl) };
  } catch (error) {
    // Fails closed: nobody comes in by a rule whose files cannot be read.
    throw new GhostError("not_admitted", `The policy's CA or CRL cannot be used: ${messageOf(error)}`, {
      place: PLACE,
      mend: "an admin has to push a policy with files that are whole",
    });
  }
}

function decoded(der: Bytes, index: number): Certificate {
  try {
    return decodeCertificate(der);
  } catch (error) {
    throw refused(`Not a certificate that can be taken: ${messageOf(error)}`, `${PLACE}.chain[${index}]`);
  }
}

function refused(message: string, place = PLACE): GhostError {
  return new GhostError("not_admitted", message, { place });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a proof is made from: PEM texts, and who is to be admitted where. */
export interface X509ProofOptions {
  /** The certificate and its intermediates, in this order. */
  cert: string;
  /** The private key: PKCS #8, not encrypted. */
  key: string;
  net: string;
  sub: string;
  /** Where the two texts come from, for errors. */
  places?: { cert: string; key: string };
}

/**
 * Admits the identity key `sub` by a certificate's private key.
 * @throws GhostError `bad_input` for a certificate or key that cannot be used, with what to do about it
 */
export async function makeX509Proof(o: X509ProofOptions): Promise<X509Proof> {
  const { cert: certPlace, key: keyPlace } = o.places ?? { cert: "--cert", key: "--key" };
  const bad = (message: string, place: string, mend: string) => new GhostError("bad_input", message, { place, mend });
  let chain: Bytes[];
  let leaf: Certificate;
  try {
    chain = readPem(o.cert, "CERTIFICATE", 8);
    if (chain[0] === undefined) throw new Error("no certificate in it");
    leaf = decodeCertificate(chain[0]);
  } catch (error) {
    throw bad(
      `Not a certificate: ${messageOf(error)}`,
      certPlace,
      "expected PEM, the certificate before its intermediates",
    );
  }
  try {
    const signature = await signProof(leaf.spki, pkcs8Of(o.key), signedText(o.net, o.sub));
    return { kind: "x509", chain: chain.map(toBase64Url), signature: toBase64Url(signature) };
  } catch (error) {
    const mend = "expected the certificate's own key in PEM: openssl pkcs8 -topk8 -nodes -in KEY";
    throw bad(`Cannot sign with this key: ${messageOf(error)}`, keyPlace, mend);
  }
}

function pkcs8Of(pem: string): Bytes {
  const [der] = readPem(pem, "PRIVATE KEY", 1);
  if (der !== undefined) return der;
  if (pem.includes("ENCRYPTED")) throw new Error("it is encrypted");
  if (/BEGIN (RSA|EC) PRIVATE KEY/.test(pem)) throw new Error("it is not PKCS #8");
  throw new Error("no private key in it");
}

/** The name by which a certificate (PEM) is revoked, in the ledger or in a policy's `crl`. @throws GhostError `bad_input` */
export async function certificateName(pem: string, place: string): Promise<string> {
  try {
    const [der] = readPem(pem, "CERTIFICATE", 8);
    if (der === undefined) throw new Error("no certificate in it");
    return await revocationName(decodeCertificate(der));
  } catch (error) {
    throw new GhostError("bad_input", `Not a certificate: ${messageOf(error)}`, { place });
  }
}
