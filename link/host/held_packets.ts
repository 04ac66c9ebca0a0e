/**
 * Packets that wait for a way out, or for WireGuard to know the peer: a lost first handshake would cost 5 s, which is when
 * WireGuard tries again. Old ones are worth nothing.
 */

/** At most so many wait; the oldest goes first. */
const MAX_HELD = 32;
/** In ms. */
const HELD_FOR = 3_000;

/** What waits for one peer. */
export class HeldPackets {
  readonly #now: () => number;
  #held: { packet: Uint8Array; inward: boolean; at: number }[] = [];

  /** @param now ms since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Keeps a packet that came for WireGuard (`inward`) or from it. */
  hold(packet: Uint8Array, inward: boolean): void {
    if (this.#held.length >= MAX_HELD) this.#held.shift();
    this.#held.push({ packet, inward, at: this.#now() });
  }

  /** Gives those of one direction that are still worth something, oldest first, and keeps them no longer. */
  release(inward: boolean): Uint8Array[] {
    const oldest = this.#now() - HELD_FOR;
    const mine = this.#held.filter((h) => h.inward === inward && h.at >= oldest);
    this.#held = this.#held.filter((h) => h.inward !== inward);
    return mine.map(({ packet }) => packet);
  }
}
