/**
 * A bounded history that can be followed: the newest `capacity` items with running numbers. Who follows holds nothing but the
 * number of the last item it has seen, so a slow reader costs no memory; what left the history before it was read is counted.
 */

/** An item and its number, from 1 on. */
export interface Numbered<T> {
  id: number;
  item: T;
}

/** What came after a number, and how many items between are gone. */
export interface Page<T> {
  items: Numbered<T>[];
  lost: number;
}

/** The newest items of a kind. */
export class Feed<T> {
  readonly #capacity: number;
  #items: Numbered<T>[] = [];
  #last = 0;
  readonly #wakes = new Set<() => void>();

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`Not a capacity: ${capacity}`);
    this.#capacity = capacity;
  }

  /** Number of the newest item, 0 before the first. */
  get last(): number {
    return this.#last;
  }

  push(item: T): void {
    this.#items.push({ id: ++this.#last, item });
    // Cut in halves, so that a push costs the same on average however long the history is.
    if (this.#items.length >= 2 * this.#capacity) this.#items = this.#items.slice(-this.#capacity);
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }

  /** At most `limit` items after number `id`. A number from before a restart, beyond the newest, starts at the newest. */
  after(id: number, limit = this.#capacity): Page<T> {
    const kept = this.#items.slice(-this.#capacity);
    const from = Math.min(id, this.#last);
    const first = kept[0]?.id ?? this.#last + 1;
    const lost = Math.max(0, first - from - 1);
    const at = Math.max(0, from + 1 - first);
    return { items: kept.slice(at, at + limit), lost };
  }

  /** Calls `wake` once when something comes; the result forgets it. */
  onMore(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => void this.#wakes.delete(wake);
  }
}
