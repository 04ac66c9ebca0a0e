/**
 * Entries that admins signed beside the chain one holds: evidence of a fork. They are kept, their revocations count, and they
 * are never part of the chain unless an admin's `resolve` says so (ledger.ts).
 *
 * Evidence is what an admin in force signed for a place of this network that another entry has. Its ancestors need not be
 * known: two signatures for one place are proof enough. Bounded per admin, so that one stolen key cannot crowd out what
 * others signed.
 */
import type { RevokeBody } from "../wire/ledger.ts";
import type { CheckedEntry } from "./ledger_entry.ts";

/** Entries kept of one admin. */
const MAX_OF_ONE = 256;
/** Entries kept in all, as many as can be read back (wire/ledger.ts), and their characters. */
const MAX_ENTRIES = 1024;
const MAX_SIZE = 16 << 20;

/** What an entry's place in the chain is looked up by. */
export interface Chain {
  hashAt(seq: number): string | undefined;
  /** Whether a `resolve` took this entry out. */
  isDropped(hash: string): boolean;
}

/** The entries beside a chain. */
export class Branches {
  readonly #entries = new Map<string, CheckedEntry>();
  readonly #counts = new Map<string, number>();
  #size = 0;

  has(hash: string): boolean {
    return this.#entries.has(hash);
  }

  get(hash: string): CheckedEntry | undefined {
    return this.#entries.get(hash);
  }

  /** Everything that was kept, in the order in which it came. */
  all(): CheckedEntry[] {
    return [...this.#entries.values()];
  }

  /** False when there is no room. */
  add(entry: CheckedEntry): boolean {
    const count = this.#counts.get(entry.signer) ?? 0;
    if (count >= MAX_OF_ONE || this.#entries.size >= MAX_ENTRIES || this.#size + entry.jws.length > MAX_SIZE) {
      return false;
    }
    this.#entries.set(entry.hash, entry);
    this.#counts.set(entry.signer, count + 1);
    this.#size += entry.jws.length;
    return true;
  }

  remove(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry) return;
    this.#entries.delete(hash);
    this.#counts.set(entry.signer, this.#counts.get(entry.signer)! - 1);
    this.#size -= entry.jws.length;
  }

  /** From this entry back to where it leaves the chain, oldest first; null when an ancestor is missing. */
  path(hash: string, chain: Chain): CheckedEntry[] | null {
    const path: CheckedEntry[] = [];
    for (let entry = this.#entries.get(hash); entry; entry = this.#entries.get(entry.entry.prev)) {
      path.unshift(entry);
      if (chain.hashAt(entry.entry.seq - 1) === entry.entry.prev) return path;
    }
    return null;
  }

  /** Entries that no `resolve` has taken out, neither themselves nor an ancestor. */
  open(chain: Chain): CheckedEntry[] {
    return this.all().filter((entry) => {
      for (let at: CheckedEntry | undefined = entry; at; at = this.#entries.get(at.entry.prev)) {
        if (chain.isDropped(at.hash) || chain.isDropped(at.entry.prev)) return false;
      }
      return true;
    });
  }

  /** Hashes of ancestors that are named and not known: asking for them may complete a branch. */
  missing(chain: Chain): string[] {
    const wanted = new Set<string>();
    for (const { entry } of this.open(chain)) {
      if (!this.#entries.has(entry.prev) && chain.hashAt(entry.seq - 1) !== entry.prev) wanted.add(entry.prev);
    }
    return [...wanted];
  }
}

/** What the revocations of some entries take away. */
export class Overlay {
  readonly revoked: Record<RevokeBody["what"], Set<string>> = {
    node: new Set(),
    grant: new Set(),
    gate: new Set(),
    certificate: new Set(),
  };
  readonly nodeIds: Set<string> = new Set();

  constructor(entries: readonly CheckedEntry[]) {
    for (const { entry, node } of entries) {
      if (entry.kind !== "revoke") continue;
      this.revoked[entry.body.what].add(entry.body.key);
      if (node !== undefined) this.nodeIds.add(node);
    }
  }
}
