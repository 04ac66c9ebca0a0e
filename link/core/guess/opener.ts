/** The hard side of a guess: which of its sockets sends to the easy side now, so that each makes a mapping of its own and keeps it. */
import { OPEN_FOR, OPENERS_AT_ONCE, OPENERS_EVERY, REOPEN_AFTER, SOCKETS } from "./limits.ts";

export class Opener {
  readonly #began: number;
  #round = 0;
  #next = 0;
  #due: number;

  constructor(o: { now: number }) {
    this.#began = o.now;
    this.#due = o.now;
  }

  /** Numbers of the sockets (0 up to SOCKETS) that send now. */
  tick(now: number): number[] {
    if (now < this.#due || this.over(now)) return [];
    const batch = Array.from({ length: Math.min(OPENERS_AT_ONCE, SOCKETS - this.#next) }, (_, i) => this.#next + i);
    this.#next += batch.length;
    this.#due = now + OPENERS_EVERY;
    if (this.#next === SOCKETS) {
      this.#next = 0;
      this.#due = Math.max(this.#due, this.#began + ++this.#round * REOPEN_AFTER);
    }
    return batch;
  }

  over(now: number): boolean {
    return now >= this.#began + OPEN_FOR;
  }

  nextDeadline(): number {
    return Math.min(this.#due, this.#began + OPEN_FOR);
  }
}
