/**
 * Which numbered messages of one sender are new. A number counts once; older numbers are taken as long as they are young
 * enough, because messages travel by different carriers (a gate, the coordinator's mailbox) and overtake each other. One from as
 * far ahead is not taken either, as no record from there is (mesh/trust/statement.ts): many of them, remembered, would make all
 * that its sender says with a clock that is right again look old until their time has come.
 * What order means is each message's own matter (a serial, a sequence number, a generation).
 */

/** Numbers that are remembered; beyond it the lowest counts as the floor. */
const MAX_SEEN = 1024;

/** Remembers the numbers of one sender. */
export class ReplayWindow {
  readonly #maxAge: number;
  readonly #seen = new Set<number>();
  #floor = 0;
  #newest = 0;

  /** @param maxAge how far from `now` a number may be; numbers are ms of the sender's clock */
  constructor(maxAge: number) {
    this.#maxAge = maxAge;
  }

  /** Takes a number; says why not, or null when it is new. */
  take(n: number, now: number): "replayed" | "old" | "ahead" | null {
    if (n > now + this.#maxAge) return "ahead";
    const oldest = now - this.#maxAge;
    for (const seen of this.#seen) {
      if (seen >= oldest) break;
      this.#forget(seen);
    }
    if (n < oldest) return "old";
    if (n <= this.#floor || this.#seen.has(n)) return "replayed";
    this.#seen.add(n);
    this.#newest = Math.max(this.#newest, n);
    // Not the first that came: a sender whose clock ran ahead for a while would be unheard until that time has come.
    if (this.#seen.size > MAX_SEEN) this.#forget(Math.min(...this.#seen));
    return null;
  }

  #forget(n: number): void {
    this.#seen.delete(n);
    this.#floor = Math.max(this.#floor, n);
  }

  /** True when all that it remembers is too old to be taken anyway: a fresh window refuses the same. */
  spent(now: number): boolean {
    return this.#newest < now - this.#maxAge;
  }
}
