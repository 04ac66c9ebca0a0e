/** What an admission proof amounts to once it holds, and what a way in must provide. */
import type { AdmissionProof } from "../../wire/record.ts";
import type { Ledger } from "../ledger.ts";

/** Why an identity belongs to the network, checked. */
export interface Admission {
  method: "token";
  tags: string[];
  user: string | null;
  /** Where the machine's routes must lie; empty: anywhere, as offers. */
  prefixes: string[];
  ephemeral: boolean;
  /** True admits gates only, false nodes only. */
  gate: boolean;
  /** Public key of the grant. */
  grant: string;
}

/** The identity key that wants in, and the ledger that says who may. */
export interface AdmissionContext {
  key: string;
  ledger: Ledger;
}

/** A way in: checks the proofs of one kind. */
export type AdmissionVerifier<K extends AdmissionProof["kind"]> = (
  proof: Extract<AdmissionProof, { kind: K }>,
  context: AdmissionContext,
) => Promise<Admission>;
