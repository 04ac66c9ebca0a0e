/**
 * Whose turn it is: a machine guesses for one peer at a time, so that the pace holds for the machine as a whole. Who finds the turn
 * taken waits in a line and is not sent away: to come again at the next attempt of ICE takes a quarter of a minute and more. Where
 * there are many, those that somebody sends data to come first: with twenty peers the last one's turn comes after a minute.
 * They pass the others every second time only, because a peer can see to it that data goes to it.
 */
export class Turns<T> {
  #holder: T | null = null;
  readonly #line = new Set<T>();
  readonly #first: (who: T) => boolean;
  /** Whether the turn before went to one that passed those who had waited for longer. */
  #passed = false;

  /** @param o.first who comes before the others, asked when a turn begins */
  constructor(o: { first: (who: T) => boolean }) {
    this.#first = o.first;
  }

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
    const line = [...this.#line];
    const next = (this.#passed ? undefined : line.find(this.#first)) ?? line[0] ?? null;
    this.#passed = line.length > 0 && next !== line[0];
    if (next !== null) this.#line.delete(next);
    return this.#holder = next;
  }
}
