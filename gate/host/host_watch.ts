/**
 * The host, looked at again and again for all who follow its addresses, or what others make of it. Everybody is called at every look,
 * whether or not something has changed: an address that could not be bound a moment ago may be had by now.
 */

/** An address of one of the host's interfaces. */
export interface OwnAddress {
  address: string;
  iface: string;
}

/** See the head of this file. */
export class HostWatch implements Disposable {
  readonly #interfaces: () => OwnAddress[];
  readonly #followers = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param every ms between two looks */
  constructor(interfaces: () => OwnAddress[], every: number) {
    this.#interfaces = interfaces;
    this.#timer = setInterval(() => this.#followers.forEach((look) => look()), every);
  }

  /** The host's addresses as they are now. */
  addresses(): OwnAddress[] {
    return this.#interfaces();
  }

  /** Calls `look` from the next look on. @returns ends that */
  follow(look: () => void): () => void {
    this.#followers.add(look);
    return () => this.#followers.delete(look);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
