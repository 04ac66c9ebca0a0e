/** Addresses of one end that the other has been told of, and what of them is new. */

/** As much as tells two candidates apart. */
interface Place {
  type: string;
  address: string;
  port: number;
}

/** Addresses of the peer that are remembered. */
const MAX_SEEN = 16;

/** This machine's candidates, as one peer's agent knows them. */
export class ToldCandidates<T extends Place> {
  #told: ReadonlyMap<string, T> = new Map();

  /** These are all from now on. @returns those that are no longer among them, and those that were not yet */
  update(all: readonly T[]): { gone: T[]; added: T[] } {
    const before = this.#told;
    const now = new Map(all.map((c) => [keyOf(c), c]));
    this.#told = now;
    return {
      gone: [...before].filter(([key]) => !now.has(key)).map(([, c]) => c),
      added: [...now].filter(([key]) => !before.has(key)).map(([, c]) => c),
    };
  }

  /** None is known to anybody. */
  clear(): void {
    this.#told = new Map();
  }
}

/** Where NATs have put the peer lately. */
export class SeenOutside {
  readonly #seen = new Set<string>();

  /** @returns true when one of these places is new, and not the first of all */
  add(candidates: readonly Place[]): boolean {
    const first = this.#seen.size === 0;
    const fresh = candidates.filter((c) => c.type === "srflx").map(keyOf).filter((key) => !this.#seen.has(key));
    for (const key of fresh) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.delete(this.#seen.values().next().value!);
      this.#seen.add(key);
    }
    return !first && fresh.length > 0;
  }
}

function keyOf({ type, address, port }: Place): string {
  return `${type} ${address} ${port}`;
}
