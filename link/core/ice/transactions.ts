/** Requests that wait for an answer, by transaction id. */
import type { Pair } from "./pair.ts";
import { TRANSACTION_LIFETIME } from "./timing.ts";

export interface Transaction {
  pair: Pair;
  at: number;
  /** The role that the request claimed. */
  controlling: boolean;
  /** The counter of the nomination that it carried. */
  nomination: number | undefined;
}

export class Transactions {
  readonly #open = new Map<string, Transaction>();

  add(id: Uint8Array, transaction: Transaction): void {
    // A map keeps the order of insertion, so the oldest come first.
    for (const [key, { at }] of this.#open) {
      if (at + TRANSACTION_LIFETIME > transaction.at) break;
      this.#open.delete(key);
    }
    this.#open.set(id.toString(), transaction);
  }

  /** Whether somebody waits for this. */
  has(id: Uint8Array): boolean {
    return this.#open.has(id.toString());
  }

  /** The request that this answers; null when there is none or it is too old. */
  get(id: Uint8Array, now: number): Transaction | null {
    const found = this.#open.get(id.toString());
    return found && found.at + TRANSACTION_LIFETIME > now ? found : null;
  }

  /** It has been answered. */
  done(id: Uint8Array): void {
    this.#open.delete(id.toString());
  }
}
