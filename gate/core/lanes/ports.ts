/** The UDP ports of lanes. They are given out in turn, so that a port rests as long as can be before it is another lane's. */

/** First and last port, both included. */
export interface PortRange {
  first: number;
  last: number;
}

export class Ports {
  readonly #range: PortRange;
  readonly #taken = new Set<number>();
  #next: number;

  constructor(range: PortRange) {
    this.#range = range;
    this.#next = range.first;
  }

  get free(): number {
    return this.#range.last - this.#range.first + 1 - this.#taken.size;
  }

  /** A free port; null when there is none. */
  take(): number | null {
    if (this.free === 0) return null;
    while (this.#taken.has(this.#next)) this.#step();
    const port = this.#next;
    this.#taken.add(port);
    this.#step();
    return port;
  }

  give(port: number): void {
    this.#taken.delete(port);
  }

  #step(): void {
    this.#next = this.#next === this.#range.last ? this.#range.first : this.#next + 1;
  }
}
