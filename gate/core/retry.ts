/** Growing waits between attempts: doubled from `first` to `last` ms, each cut by a random part so that crowds spread out. */
export class Retry {
  readonly #first: number;
  readonly #last: number;
  readonly #random: () => number;
  #next: number;

  /** `random` gives numbers from 0 up to 1. */
  constructor(o: { first: number; last: number; random: () => number }) {
    this.#first = this.#next = o.first;
    this.#last = o.last;
    this.#random = o.random;
  }

  /** The wait before the next attempt, in ms: between half and the whole of the present step. */
  wait(): number {
    const step = this.#next;
    this.#next = Math.min(this.#last, step * 2);
    return step / 2 + this.#random() * step / 2;
  }

  /** Something worked: begin small again. */
  reset(): void {
    this.#next = this.#first;
  }
}
