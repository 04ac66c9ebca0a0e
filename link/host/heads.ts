/**
 * Ledger heads that others show: who is behind is handed what it lacks (the coordinator may be hiding it), and a head that
 * contradicts ours is proof that somebody shows different ledgers to different nodes.
 */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";

/** Entries that fit one sealed box, in characters. */
const MAX_GOSSIP = 8_000;
/** One peer is handed entries at most this often, in ms. */
const GOSSIP_EVERY = 2_000;

/** Compares heads with the own ledger. */
export class Heads {
  readonly #ledger: Ledger;
  readonly #handed = new Map<string, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** True when somebody knows another entry of a number that we know. */
  contradicts(head: LedgerHead): boolean {
    const own = this.#ledger.hashAt(head.seq);
    return own !== undefined && own !== head.hash;
  }

  /** The next entries for a peer that shows this head; none when it is not behind, or had some a moment ago. */
  missing(peer: string, head: LedgerHead, now: number): string[] {
    if (head.seq >= this.#ledger.head.seq || now - (this.#handed.get(peer) ?? -Infinity) < GOSSIP_EVERY) return [];
    const entries: string[] = [];
    for (let seq = head.seq + 1, size = 0; entries.length < 64; seq++) {
      const entry = this.#ledger.at(seq);
      if (entry === undefined || (size += entry.length) > MAX_GOSSIP) break;
      entries.push(entry);
    }
    if (entries.length > 0) this.#handed.set(peer, now);
    return entries;
  }

  /** Forgets a peer. */
  drop(peer: string): void {
    this.#handed.delete(peer);
  }
}
