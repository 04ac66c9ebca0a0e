/**
 * The clock of deadlines. A machine's own clock is set back now and then (a daemon of time, a virtual machine, a person), and
 * whatever was due by it would be due only when that time has come once more: no path would be checked, no lost one found again.
 */

/** A clock as `wall`, in ms since 1970, that goes on from where it was when that one is set back. */
export class SteadyClock {
  readonly #wall: () => number;
  #last = -Infinity;
  #ahead = 0;

  constructor(wall: () => number = () => Date.now()) {
    this.#wall = wall;
  }

  /** Now; never less than the time before. */
  readonly now = (): number => {
    const now = this.#wall() + this.#ahead;
    if (now < this.#last) this.#ahead += this.#last - now;
    return this.#last = Math.max(now, this.#last);
  };

  /** A time of this clock as the machine's own clock would tell it now, for people. */
  shown(at: number): number {
    return at - this.#ahead;
  }
}

/** The one of this process. */
export const steady: SteadyClock = new SteadyClock();
