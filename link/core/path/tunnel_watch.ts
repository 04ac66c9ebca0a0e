/**
 * Whether WireGuard itself gets through to one peer, by its counters: a network can let the checks of a path pass and drop the
 * tunnel's packets. Whoever sends data hears something within ten seconds, if only WireGuard's empty answer; keepalives are
 * answered by nobody and say nothing.
 */

/** More than this was sent: it was more than a keepalive or two of 32 bytes. A handshake is 148. */
const WANTS = 100;
/** Sent for so long without a word from the peer, ms. */
const PATIENCE = 18_000;

/** What WireGuard counts for a peer, in bytes. */
export interface Counters {
  rxBytes: number;
  txBytes: number;
}

export class TunnelWatch {
  #last: Counters | null = null;
  #unansweredSince: number | null = null;

  /** The path is another one: what was sent before says nothing of it. */
  moved(): void {
    this.#unansweredSince = null;
  }

  /** Reads the counters; true when what WireGuard sends over this path goes unanswered. */
  read({ rxBytes, txBytes }: Counters, now: number): boolean {
    const before = this.#last;
    this.#last = { rxBytes, txBytes };
    if (before === null || rxBytes !== before.rxBytes || txBytes < before.txBytes) this.#unansweredSince = null;
    else if (txBytes - before.txBytes <= WANTS) return false;
    else this.#unansweredSince ??= now;
    if (this.#unansweredSince === null || now - this.#unansweredSince < PATIENCE) return false;
    this.#unansweredSince = null;
    return true;
  }
}
