/** What a ledger is opened with, what it says of itself, and what it refuses an entry with. */
import { GhostError } from "../wire/errors.ts";
import type { LedgerEvidence, LedgerHead } from "../wire/ledger.ts";
import type { LedgerPolicy } from "./ledger_state.ts";

/** What genesis says of a network. */
export interface NetworkInfo {
  readonly id: string;
  readonly name: string;
  readonly suffix: string;
  readonly ipv4: string;
  /** How many admins a change of admins needs, as of now. */
  readonly quorum: number;
}

/** What a ledger is opened with. */
export interface OpenLedgerOptions {
  /** The network that it has to be. */
  net?: string;
  /** A head of this very chain up to which it was checked before; see the module's header. */
  checked?: LedgerHead | null;
  /** Entries of other branches that were seen before. */
  evidence?: LedgerEvidence | null;
  /** Keys besides the admins' that may sign `issuer` entries under a policy (policy's `issuerSigners`); without it none may. */
  issuerSigners?: (policy: LedgerPolicy, issuer: string) => readonly string[];
}

/** Several entries of one place, signed by admins. */
export interface LedgerFork {
  /** The first place where branches differ, as far as it is known. */
  seq: number;
  /** The entries that are not in this chain. */
  entries: readonly { seq: number; hash: string; signer: string; jws: string }[];
}

/** What an entry brought about: it was known, it continues the chain, it is another branch's, or the chain is another one now. */
export type Taken = "known" | "appended" | "forked" | "switched";

/** An entry, or a consent to one, that contradicts the chain or itself. */
export function bad(message: string, place: string): GhostError {
  return new GhostError("bad_ledger", message, { place });
}
