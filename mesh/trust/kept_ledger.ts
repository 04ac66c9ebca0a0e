/** A ledger on somebody's disk: opened from what was kept, and kept when it changes. Where it is kept is the host's to say. */
import type { LedgerEvidence, LedgerHead } from "../wire/ledger.ts";
import { Ledger, type OpenLedgerOptions } from "./ledger.ts";

/** What a host keeps of a ledger (mesh/host/ledger_file.ts). */
export interface LedgerStore {
  /** All entries, genesis first; empty when there are none. */
  read(): Promise<string[]>;
  append(entries: readonly string[]): Promise<void>;
  replace(entries: readonly string[]): Promise<void>;
  /** The head up to which the entries were checked, null when none is known. */
  checked(): Promise<LedgerHead | null>;
  saveChecked(head: LedgerHead): Promise<void>;
  evidence(): Promise<LedgerEvidence | null>;
  saveEvidence(evidence: LedgerEvidence | null): Promise<void>;
}

/**
 * Opens what was kept and notes how far it has been checked.
 * @throws GhostError as `Ledger.open`
 */
export async function openKept(
  store: LedgerStore,
  o: Pick<OpenLedgerOptions, "net" | "issuerSigners">,
): Promise<Ledger> {
  const [entries, checked, evidence] = await Promise.all([store.read(), store.checked(), store.evidence()]);
  const ledger = await Ledger.open(entries, { ...o, checked, evidence });
  if (checked?.hash !== ledger.head.hash) await store.saveChecked(ledger.head);
  return ledger;
}

/**
 * Keeps a ledger in a store that has none yet, or another chain; resolves to the head that is kept. A crash in between must
 * not leave a checkpoint of the chain that is gone.
 */
export async function keepWhole(store: LedgerStore, ledger: Ledger): Promise<LedgerHead> {
  const entries = [...ledger.entries];
  const { head } = ledger;
  await store.saveChecked({ seq: 0, hash: ledger.hashAt(0)! });
  await store.replace(entries);
  await store.saveChecked(head);
  return head;
}

/** Keeps a ledger that was opened from its store. One call of `save` at a time. */
export class LedgerKeeper {
  readonly #store: LedgerStore;
  readonly #ledger: Ledger;
  #kept: LedgerHead;
  #evidence: string;

  constructor(store: LedgerStore, ledger: Ledger) {
    this.#store = store;
    this.#ledger = ledger;
    this.#kept = ledger.head;
    this.#evidence = JSON.stringify(ledger.evidence);
  }

  /** Writes what has changed since; a head that was seen must survive a crash, or it could be rolled back. */
  async save(): Promise<void> {
    const ledger = this.#ledger;
    const { head, evidence } = ledger;
    const entries = [...ledger.entries];
    const grown = ledger.hashAt(this.#kept.seq) === this.#kept.hash;
    // Evidence first: what was taken out of the chain must not be forgotten before it stands there.
    const text = JSON.stringify(evidence);
    if (text !== this.#evidence) await this.#store.saveEvidence(evidence);
    this.#evidence = text;
    if (head.hash === this.#kept.hash) return;
    if (!grown) {
      this.#kept = await keepWhole(this.#store, ledger);
      return;
    }
    await this.#store.append(entries.slice(this.#kept.seq + 1));
    this.#kept = head;
    await this.#store.saveChecked(head);
  }
}
