/**
 * Two ends of a new pair begin a WireGuard handshake at the same moment: WireGuard starts one as soon as a peer is
 * configured, and both are configured when the later one joins. Each end then consumes the other's initiation, which replaces
 * its own, so that both answers find the wrong state and are dropped (measured; the protocol allows for one handshake a peer
 * at a time). Both try again only 5 s later.
 *
 * As long as packets go through our hands (a relayed rung) that can be prevented: the initiation of the end with the smaller
 * id wins. The larger one holds its own back for a moment and drops it when the other's comes; the smaller one drops what
 * comes while its own is under way.
 *
 * Only the first byte of a packet is looked at (WireGuard, section 5.4: 1 initiation, 2 response).
 */

/** How long the larger end holds its initiation back, in ms. */
export const HOLD = 250;
/** How long the smaller end's initiation counts as under way, in ms. */
export const UNDER_WAY = 1_000;

const INITIATION = 1;
const RESPONSE = 2;

/** True for WireGuard's first message of a handshake. */
export function isInitiation(packet: Uint8Array): boolean {
  return packet[0] === INITIATION;
}

/** The tie-break of one pair. */
export class HandshakeTie {
  readonly #wins: boolean;
  #held: { packet: Uint8Array; until: number } | null = null;
  #sentAt: number | null = null;

  /** @param o.wins true at the end with the smaller id */
  constructor(o: { wins: boolean }) {
    this.#wins = o.wins;
  }

  /** A packet from WireGuard for the peer; false when it is held back. */
  outgoing(packet: Uint8Array, now: number): boolean {
    if (!isInitiation(packet)) return true;
    if (this.#wins) {
      this.#sentAt = now;
      return true;
    }
    this.#held = { packet, until: now + HOLD };
    return false;
  }

  /** A packet of the peer for WireGuard; false when it is to be dropped. */
  incoming(packet: Uint8Array, now: number): boolean {
    if (packet[0] === RESPONSE) this.#sentAt = null;
    if (!isInitiation(packet)) return true;
    this.#held = null;
    return !(this.#wins && this.#sentAt !== null && now - this.#sentAt < UNDER_WAY);
  }

  /** The initiation that was held long enough, to be sent now. */
  due(now: number): Uint8Array | null {
    if (this.#held === null || this.#held.until > now) return null;
    const { packet } = this.#held;
    this.#held = null;
    return packet;
  }

  /** When `due` has something, in ms. */
  nextDeadline(): number | null {
    return this.#held?.until ?? null;
  }
}
