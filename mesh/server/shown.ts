/**
 * A new proof by certificate has to come over a connection on which that very certificate was shown, wherever this coordinator can
 * see what clients show. The proof alone says that the key signed once; TLS says that it is at hand now, so a signature
 * that somebody got hold of does not open the door later. It only narrows: peers check the proof whatever the connection said.
 */
import { type Bytes, equalBytes, fromBase64Url } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import type { AdmissionProof } from "../wire/record.ts";

/** What the host of the app knows of a request's connection. */
export interface Client {
  /** The certificate (DER) that the client showed; null: none, though it was asked; undefined: it cannot be known here. */
  certificate?: Bytes | null | undefined;
}

/** @throws GhostError `not_admitted` */
export function checkShown(proof: AdmissionProof, { certificate }: Client = {}): void {
  if (proof.kind !== "x509" || certificate === undefined) return;
  const leaf = fromBase64Url(proof.chain[0]!, "record.proof.chain[0]");
  if (certificate !== null && equalBytes(leaf, certificate)) return;
  const message = certificate === null
    ? "The certificate was not shown in TLS"
    : "Another certificate was shown in TLS than the proof's";
  throw new GhostError("not_admitted", message, {
    place: "record.proof",
    mend: "join with --cert and --key; a proxy in between has to pass the client's certificate on",
  });
}
