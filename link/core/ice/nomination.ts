/**
 * Regular nomination, RFC 8445 section 8.1.1, with a change of mind allowed: whenever a better pair proves valid the
 * controlling side nominates that one. Every nomination has a growing counter, and the controlled side follows the highest.
 */
import { type Pair, pairPriority } from "./pair.ts";
import { NOMINATION_WAITS } from "./timing.ts";

interface Running {
  pair: Pair;
  counter: number;
  sends: number;
  due: number;
}

export class Nomination {
  readonly #waitMs: number;
  #running: Running | null = null;
  #counter = 0;
  /** When the first valid pair has waited long enough for a better one. */
  #notBefore: number | null = null;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Looks at the pairs again after something has changed. For the controlling side only. */
  consider(pairs: readonly Pair[], selected: Pair | null, now: number): void {
    const rank = (pair: Pair) => pairPriority(pair, true);
    const valid = pairs.filter((pair) => pair.state === "succeeded");
    if (valid.length === 0) return;
    const best = valid.reduce((a, b) => rank(b) > rank(a) ? b : a);
    const current = this.#running?.pair ?? selected;
    if (current !== null && rank(best) <= rank(current)) return;
    if (current === null) {
      const hope = pairs.some((pair) =>
        (pair.state === "waiting" || pair.state === "inProgress") && rank(pair) > rank(best)
      );
      this.#notBefore ??= now + this.#waitMs;
      if (hope && now < this.#notBefore) return;
    }
    this.#start(best, now);
  }

  /** The selected pair does not answer, and this one does. */
  instead(pair: Pair, now: number): void {
    if (this.#running?.pair !== pair) this.#start(pair, now);
  }

  #start(pair: Pair, now: number): void {
    this.#running = { pair, counter: ++this.#counter, sends: 0, due: now };
    this.#notBefore = null;
  }

  /** The check that is to go out now, if one is. A pair that never answered fails. */
  step(selected: Pair | null, now: number): { pair: Pair; counter: number } | null {
    const running = this.#running;
    if (running === null || running.due > now) return null;
    if (running.sends >= NOMINATION_WAITS.length) {
      running.pair.state = "failed";
      running.pair.due = Infinity;
      this.#running = null;
      // The peer may have followed the nomination although its answers were lost: call it back.
      if (selected && selected !== running.pair) this.#start(selected, now);
      return null;
    }
    running.due = now + NOMINATION_WAITS[running.sends++]!;
    return running;
  }

  /** The peer has answered the nomination with this counter; true when it is the one that counts. */
  confirmed(counter: number): boolean {
    if (this.#running?.counter !== counter) return false;
    this.#running = null;
    return true;
  }

  /** Another end decides now, or the pair is gone. */
  cancel(): void {
    this.#running = null;
    this.#notBefore = null;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  nextDeadline(): number | null {
    return this.#running?.due ?? this.#notBefore;
  }
}
