/**
 * What counts of the branches beside one chain.
 *
 * An entry that an admin in force signed for a place that another entry has is kept beside the chain (branches.ts). From then
 * until an admin's `resolve` entry: the chain that was known first stays in force and may grow, revocations of all branches
 * count, and no grant that came after is in force. A `resolve` is an entry of the branch that it keeps. Whoever holds that
 * branch appends it; whoever holds another one goes over to it, if as many as the quorum asks for of the admins that it knows
 * signed it. (Else an admin who is about to be removed could fork before that and resolve in his own favour.) Revocations of
 * a branch that is dropped end with it, so that whoever resolves has to repeat those that were meant.
 */
import type { LedgerEvidence, LedgerHead } from "../wire/ledger.ts";
import { Branches, type Chain, Overlay } from "./branches.ts";
import type { ConsentContext } from "./ledger_checks.ts";
import type { CheckedEntry } from "./ledger_entry.ts";
import type { LedgerFork } from "./ledger_types.ts";

/** The branches beside a chain, and what they come to. */
export class Beside {
  readonly branches: Branches = new Branches();
  readonly #chain: Chain;
  /** Entries of branches that count, and what they revoke. */
  #open: readonly CheckedEntry[] = [];
  #overlay = new Overlay([]);
  #seen = Infinity;

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  /** Entries of other branches that count: that no `resolve` has taken out. */
  get open(): readonly CheckedEntry[] {
    return this.#open;
  }

  /** What these entries revoke. */
  get overlay(): Overlay {
    return this.#overlay;
  }

  /** The number of the chain's head when the first of them came; Infinity when there is none. */
  get seen(): number {
    return this.#seen;
  }

  /** Looks anew at what counts, the chain's head being `head`. */
  weigh(head: number): void {
    this.#open = this.branches.open(this.#chain);
    this.#overlay = new Overlay(this.#open);
    if (this.#open.length === 0) this.#seen = Infinity;
    else if (this.#seen === Infinity) this.#seen = head;
  }

  /** It was known before, when the head was `head`. */
  seenAt(head: number): void {
    if (this.#open.length > 0) this.#seen = Math.min(this.#seen, head);
  }

  /**
   * Whether an entry that does not continue the chain contradicts it.
   * @param o.since the entry with which its signer began to be an admin in force
   */
  isEvidence({ entry }: CheckedEntry, { head, since }: { head: LedgerHead; since: number | undefined }): boolean {
    if (since === undefined || entry.seq <= since) return false;
    if (entry.seq <= head.seq) return true;
    // Beyond the head it is evidence when it follows another branch, or another entry in the head's place.
    return this.branches.has(entry.prev) || (entry.seq === head.seq + 1 && entry.prev !== head.hash);
  }

  /** A branch with a `resolve` in its own favour that enough of the admins known here have signed. */
  resolved(ledger: Pick<ConsentContext, "isAdmin" | "network">): CheckedEntry[] | null {
    for (const { hash, entry, signer, approvals } of this.#open) {
      if (entry.kind !== "resolve" || !entry.body.drop.includes(this.#chain.hashAt(entry.body.seq) ?? "")) continue;
      const known = [...new Set([signer, ...approvals?.keys ?? []])].filter((key) => ledger.isAdmin(key));
      if (known.length < ledger.network.quorum) continue;
      const path = this.branches.path(hash, this.#chain);
      if (path?.some((e) => e.hash === entry.body.keep)) return path;
    }
    return null;
  }

  /** What admins signed beside the chain and nobody has resolved; null when there is none. */
  get fork(): LedgerFork | null {
    if (this.#open.length === 0) return null;
    const entries = this.#open.map(({ entry, hash, signer, jws }) => ({ seq: entry.seq, hash, signer, jws }));
    return { seq: Math.min(...entries.map((e) => e.seq)), entries };
  }

  /** Everything known beside the chain with its head at `head`; null when there is nothing. */
  evidence(head: number): LedgerEvidence | null {
    const entries = this.branches.all().map(({ jws }) => jws);
    return entries.length === 0 ? null : { seen: Math.min(this.#seen, head), entries };
  }

  /** The newest entries of branches that count. */
  get tips(): readonly LedgerHead[] {
    const inner = new Set(this.#open.map(({ entry }) => entry.prev));
    return this.#open.filter(({ hash }) => !inner.has(hash)).map(({ entry, hash }) => ({ seq: entry.seq, hash }));
  }

  /** Hashes of entries that are named beside the chain and not known. */
  get missing(): readonly string[] {
    return this.#open.length === 0 ? [] : this.branches.missing(this.#chain);
  }
}
