/**
 * Whose turn it is: a machine guesses for one peer at a time, so that the pace holds for the machine as a whole. Who finds the turn
 * taken waits in a line and is not sent away: to come again at the next attempt of ICE takes a quarter of a minute and more.
 */
export class Turns<T> {
  #holder: T | null = null;
  readonly #line = new Set<T>();

  /** Nobody has the turn. */
  get free(): boolean {
    return this.#holder === null;
  }

  /** True when the turn is this one's now; otherwise it stands in line. */
  ask(who: T): boolean {
    this.#holder ??= who;
    if (this.#holder !== who) this.#line.add(who);
    return this.#holder === who;
  }

  /** Takes the turn where it is free; does not wait for it. */
  seize(who: T): boolean {
    this.#holder ??= who;
    return this.#holder === who;
  }

  /** Gives the turn back, or the place in line. @returns whose turn begins with that */
  leave(who: T): T | null {
    this.#line.delete(who);
    if (this.#holder !== who) return null;
    const [next = null] = this.#line;
    if (next !== null) this.#line.delete(next);
    return this.#holder = next;
  }
}
