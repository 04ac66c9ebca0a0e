/** What an admission proof amounts to once it holds, and what a way in must provide. */
import type { AdmitRule } from "../../wire/admit.ts";
import type { AdmissionProof } from "../../wire/record.ts";
import type { Ledger } from "../ledger.ts";

/** Why an identity belongs to the network, checked. */
export interface Admission {
  method: AdmissionProof["kind"];
  /** The tags that the machine may carry. */
  tags: string[];
  /** What selects its user in the policy: the grant's word, or a verified e-mail address. */
  user: string | null;
  /** Who its user is for the identity provider, `SUB@https://ISSUER`; null where none vouches. */
  subject: string | null;
  /** The user's groups, as the identity provider named them at the newest log-in. */
  groups: string[];
  /** Where the machine's routes must lie; empty: anywhere, as offers. */
  prefixes: string[];
  ephemeral: boolean;
  /** True admits gates only, false nodes only. */
  gate: boolean;
  /** Public key of the grant; null for ways in without one. */
  grant: string | null;
  /** When it was let in, in seconds since 1970: by the token's proof, the log-in, or its certificate's beginning. */
  since: number;
  /** Seconds since 1970 from which on the proof counts no more; null: the proof has no end of its own. */
  expires: number | null;
}

/** A signing key of an identity provider, and the last time (seconds) that it was known to be in use; null: it is now. */
export interface IssuerKey {
  jwk: JsonWebKey & { kid?: string };
  seen: number | null;
}

/** The identity key that wants in, and what says who may. */
export interface AdmissionContext {
  key: string;
  ledger: Ledger;
  /** Seconds since 1970. */
  now: number;
  /** When the record that carries the proof was signed, in seconds, as it says itself. */
  iat?: number;
  /** The ways in by the signed policy (policy's `AdmitRules`). */
  admit: readonly AdmitRule[];
  /** Keys of an identity provider that this verifier has fetched itself; those in the ledger need not be among them. */
  issuerKeys?: (issuer: string) => readonly IssuerKey[];
  /** True at the door, for a proof that was not shown before: proofs that are valid for minutes only must then be valid. */
  fresh?: boolean;
}

/** A way in: checks the proofs of one kind. */
export type AdmissionVerifier<K extends AdmissionProof["kind"]> = (
  proof: Extract<AdmissionProof, { kind: K }>,
  context: AdmissionContext,
) => Promise<Admission>;
