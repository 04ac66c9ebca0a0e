/** A token bucket: `rate` tokens a second, at most `burst` of them. */
export class Bucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  constructor(o: { rate: number; burst: number }, now: number) {
    this.#rate = o.rate;
    this.#burst = o.burst;
    this.#level = o.burst;
    this.#at = now;
  }

  /** Takes `cost` tokens; false, and nothing taken, when there are fewer. A cost above the burst counts as the burst. */
  take(cost: number, now: number): boolean {
    this.#fill(now);
    const price = Math.min(cost, this.#burst);
    if (this.#level < price) return false;
    this.#level -= price;
    return true;
  }

  /** When `cost` tokens will be there, in ms. */
  readyAt(cost: number, now: number): number {
    this.#fill(now);
    const lack = Math.min(cost, this.#burst) - this.#level;
    return lack <= 0 ? now : now + Math.ceil(lack / this.#rate * 1000);
  }

  #fill(now: number): void {
    // A clock that steps back must neither drain the bucket nor stop its filling.
    if (now > this.#at) this.#level = Math.min(this.#burst, this.#level + (now - this.#at) / 1000 * this.#rate);
    this.#at = now;
  }
}
