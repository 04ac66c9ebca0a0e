/**
 * How far away a gate is: the least of its last few round trips, so that load at either end does not look like distance, and
 * a path that has really become longer is believed after as many measurements.
 */

/** Round trips that are remembered. */
const KEPT = 5;
/** Questions without an answer in a row after which nothing is known any more. */
const LOST = 3;

export class Rtt {
  #samples: number[] = [];
  #lost = 0;
  /** Questions since nothing was known. */
  tries = 0;
  /** When it was measured last, answered or not; ms. */
  at = -Infinity;

  /** @param rttMs null: no answer */
  add(rttMs: number | null, now: number): void {
    this.at = now;
    this.tries++;
    if (rttMs === null) {
      if (++this.#lost >= LOST) this.#samples = [];
      return;
    }
    this.#lost = 0;
    this.#samples = [...this.#samples, rttMs].slice(-KEPT);
  }

  /** Nothing is known any more: this machine is on another network. */
  forget(): void {
    this.#samples = [];
    this.#lost = 0;
    this.tries = 0;
    this.at = -Infinity;
  }

  /** ms, or null while it is not known. */
  get ms(): number | null {
    return this.#samples.length === 0 ? null : Math.min(...this.#samples);
  }

  /** Answers that this rests on. */
  get count(): number {
    return this.#samples.length;
  }
}
