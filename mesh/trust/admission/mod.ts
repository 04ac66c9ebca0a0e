/** The ways in, by kind of proof. A new one is a file beside this and a line in the table. */
import { GhostError } from "../../wire/errors.ts";
import type { AdmissionProof } from "../../wire/record.ts";
import type { Admission, AdmissionContext, AdmissionVerifier } from "./admission.ts";
import { verifyOidcProof } from "./oidc.ts";
import { verifyTokenProof } from "./token.ts";

export type { Admission, AdmissionContext, IssuerKey } from "./admission.ts";
export { discover, type Discovery, IssuerBook, readKeySet } from "./issuer_book.ts";
export { issuerOf, oidcNonce } from "./oidc.ts";
export { makeTokenProof } from "./token.ts";

const VERIFIERS: { [K in AdmissionProof["kind"]]?: AdmissionVerifier<K> } = {
  token: verifyTokenProof,
  oidc: verifyOidcProof,
  // Loaded when it is needed: decoding certificates takes a library that most networks never use.
  x509: async (proof, context) => await (await import("./x509.ts")).verifyX509Proof(proof, context),
};

/**
 * Checks why an identity key belongs to the ledger's network. Revocation of the key itself is the record's to check.
 * @throws GhostError `not_admitted`, `revoked`, `token_expired`, `token_foreign`, `bad_signature`, `not_supported`
 */
export async function verifyAdmission(proof: AdmissionProof, context: AdmissionContext): Promise<Admission> {
  const verifier = VERIFIERS[proof.kind] as AdmissionVerifier<AdmissionProof["kind"]> | undefined;
  if (!verifier) {
    throw new GhostError("not_supported", `Admission by "${proof.kind}": this version cannot check it`, {
      place: "record.proof.kind",
    });
  }
  return await verifier(proof, context);
}
