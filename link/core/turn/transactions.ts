/** Requests under way: over UDP they are repeated as RFC 8489 section 6.2.1 says, over a stream they are waited for. */

/** Rc and Rm of RFC 8489 section 6.2.1. */
const REQUESTS = 7;
const LAST_WAIT = 16;

/** How long an answer may take, in ms. */
export interface Waits {
  /** The first wait over UDP, doubled each time. */
  rtoMs: number;
  /** The whole wait over a stream. */
  streamMs: number;
}

/** A request under way. */
export interface Request<P> {
  purpose: P;
  bytes: Uint8Array<ArrayBuffer>;
  /** Stale nonces in a row; a server that only ever sends those is not asked for ever. */
  stale: number;
}

interface Pending<P> extends Request<P> {
  sends: number;
  due: number;
}

export class Transactions<P> {
  readonly #stream: boolean;
  readonly #waits: Waits;
  readonly #pending = new Map<string, Pending<P>>();

  constructor(o: { stream: boolean; waits: Waits }) {
    this.#stream = o.stream;
    this.#waits = o.waits;
  }

  /** The request is being sent now for the first time. */
  add(transaction: Uint8Array, request: Request<P>, now: number): void {
    this.#pending.set(transaction.toString(), { ...request, sends: 1, due: now + this.#wait(1) });
  }

  #wait(sends: number): number {
    if (this.#stream) return this.#waits.streamMs;
    return this.#waits.rtoMs * (sends === REQUESTS ? LAST_WAIT : 2 ** (sends - 1));
  }

  /** Looks for the request that an answer belongs to. */
  find(transaction: Uint8Array): Request<P> | undefined {
    return this.#pending.get(transaction.toString());
  }

  remove(transaction: Uint8Array): void {
    this.#pending.delete(transaction.toString());
  }

  /** What is to be repeated now, and what has gone without an answer. */
  tick(now: number): { again: Uint8Array<ArrayBuffer>[]; lost: P[] } {
    const again: Uint8Array<ArrayBuffer>[] = [];
    const lost: P[] = [];
    for (const [key, pending] of this.#pending) {
      if (pending.due > now) continue;
      if (this.#stream || pending.sends >= REQUESTS) {
        this.#pending.delete(key);
        lost.push(pending.purpose);
        continue;
      }
      pending.sends++;
      pending.due = now + this.#wait(pending.sends);
      again.push(pending.bytes);
    }
    return { again, lost };
  }

  nextDeadline(): number {
    return Math.min(Infinity, ...[...this.#pending.values()].map((p) => p.due));
  }

  clear(): void {
    this.#pending.clear();
  }
}
