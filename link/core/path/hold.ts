/** Waits that grow while something keeps failing, and are forgotten after a minute of health. */

export interface HoldOptions {
  firstMs: number;
  longestMs: number;
  /** So long without a failure, and the next one counts as the first. */
  healthyMs: number;
}

/** What works for less long, in ms, fails by itself, whatever changes around it. */
const SOUND = 10_000;

export class Hold {
  readonly #o: HoldOptions;
  #failures = 0;
  #until = 0;
  #upSince: number | null = null;
  /** How long it worked before it failed last. */
  #lasted = 0;

  constructor(o: HoldOptions) {
    this.#o = o;
  }

  /** It failed: not again before `until`. */
  fail(now: number): void {
    if (this.#upSince !== null && now - this.#upSince >= this.#o.healthyMs) this.#failures = 0;
    this.#lasted = this.#upSince === null ? 0 : now - this.#upSince;
    this.#upSince = null;
    this.#until = now + Math.min(this.#o.firstMs * 2 ** this.#failures, this.#o.longestMs);
    this.#failures = Math.min(this.#failures + 1, 30);
  }

  /** It works from now on. */
  up(now: number): void {
    this.#upSince ??= now;
  }

  /** Forget: what happened says nothing any more. */
  reset(): void {
    this.#failures = 0;
    this.#until = 0;
    this.#upSince = null;
  }

  /** The wait is over by decision, the count stays. */
  lift(): void {
    this.#until = 0;
  }

  /** What has made it fail is no longer so: as if it had not, unless it never worked for long. */
  mend(): void {
    if (this.#lasted >= SOUND) this.#failures = this.#until = 0;
  }

  holds(now: number): boolean {
    return now < this.#until;
  }

  /** When it may be tried again. */
  get until(): number {
    return this.#until;
  }
}
