/** Growing waits between tries of something that is away, which news from outside ends. */
import { pause } from "../../mesh/wire/pause.ts";

/** The waits for one such thing. */
export class Waits {
  readonly #o: { first: number; longest: number };
  #next: number;
  #wake = () => {};

  /** @param o in ms */
  constructor(o: { first: number; longest: number }) {
    this.#o = o;
    this.#next = o.first;
  }

  /** It worked: the next wait is the first one again. */
  reset(): void {
    this.#next = this.#o.first;
  }

  /** What kept it away may be over: a wait under way ends now, and the next one is the first one again. */
  hurry(): void {
    this.reset();
    this.#wake();
  }

  /**
   * Waits; ends early without an error by `hurry`, or when the signal aborts.
   * @param o.spread what is due is taken times this
   * @param o.atLeast ms before `spread`
   */
  wait({ spread, atLeast = 0 }: { spread: number; atLeast?: number }, signal: AbortSignal): Promise<void> {
    const ms = Math.max(this.#next, atLeast) * spread;
    this.#next = Math.min(this.#next * 2, this.#o.longest);
    const early = new AbortController();
    this.#wake = () => early.abort();
    return pause(ms, AbortSignal.any([signal, early.signal]));
  }
}
