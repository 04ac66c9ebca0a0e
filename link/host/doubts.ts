/**
 * What can be learnt while a direct path does not answer: WireGuard's counters may vouch for it, and STUN services tell whether the
 * router has forgotten us, so that the search for another path begins with addresses that hold.
 */
import type { Counters } from "../core/path/mod.ts";
import { Coalesced } from "./coalesced.ts";

/** What it asks, and whom it tells. */
export interface DoubtsHost {
  /** What WireGuard counts for each peer, by its key. @throws */
  count(): Promise<ReadonlyMap<string, Counters>>;
  counted(counters: ReadonlyMap<string, Counters>): void;
  /** Asks STUN services that were not asked just now. */
  freshen(): void;
}

export class Doubts {
  readonly #host: DoubtsHost;
  readonly #looks: Coalesced;

  constructor(host: DoubtsHost) {
    this.#host = host;
    // Without the counters the checks alone decide.
    this.#looks = new Coalesced(() => host.count().then((counters) => host.counted(counters), () => {}));
  }

  /** A path is in doubt; said again as long as it is. */
  raise(): void {
    void this.#looks.request();
    this.#host.freshen();
  }

  /** Begins no more looks; resolves when the one under way has ended. */
  stop(): Promise<void> {
    return this.#looks.stop();
  }
}
