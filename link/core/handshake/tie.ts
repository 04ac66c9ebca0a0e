/**
 * Two ends of a new pair begin a WireGuard handshake at the same moment: WireGuard starts one as soon as a peer is
 * configured, and both are configured when the later one joins. Each end then consumes the other's initiation, which replaces
 * its own, so that both answers find the wrong state and are dropped (measured; the protocol allows for one handshake a peer
 * at a time). Both try again only 5 s later.
 *
 * As long as packets go through our hands (a relayed rung, or the first ones by signal) that can be prevented, and nobody waits for
 * it: whoever is ready begins. Where two initiations cross on the way, that of the end with the smaller id wins: it keeps what comes
 * while its own is under way, and hands it on only if that stays unanswered. An initiation that WireGuard made before it took the
 * peer's, and that only now comes to our hands, must not leave: the peer would consume it and drop the answer.
 *
 * Only the first byte of a packet is looked at (WireGuard, section 5.4: 1 initiation, 2 response).
 */

/**
 * WireGuard's answer to an initiation of the peer is waited for so long, in ms; what it begins itself meanwhile waits. On a machine
 * that starts much at once its answer took 394.
 */
export const ANSWERING = 1_000;
/** How long an initiation that is not answered counts as under way, in ms. */
export const UNDER_WAY = 1_000;
/**
 * The same where it left by signal: a mailbox that is far away, over a connection that is still to be made, takes a second or more one
 * way. WireGuard begins anew after 5 s; what waited for this to pass can be answered until then.
 */
export const POSTED_UNDER_WAY = 4_000;

const INITIATION = 1;
const RESPONSE = 2;

/** True for WireGuard's first message of a handshake. */
export function isInitiation(packet: Uint8Array): boolean {
  return packet[0] === INITIATION;
}

/** True for its second one. */
export function isResponse(packet: Uint8Array): boolean {
  return packet[0] === RESPONSE;
}

/** A packet that waited: `inward` ones are for WireGuard. */
export interface Due {
  packet: Uint8Array;
  inward: boolean;
}

/** The tie-break of one pair. */
export class HandshakeTie {
  readonly #wins: boolean;
  /** Until then our own initiation that has left counts as under way. */
  #underWay = -Infinity;
  /** Until then WireGuard has an initiation of the peer that it has not answered yet. */
  #answering = -Infinity;
  #waiting: Due & { until: number } | null = null;

  /** @param o.wins true at the end with the smaller id */
  constructor(o: { wins: boolean }) {
    this.#wins = o.wins;
  }

  /** Whether a packet from WireGuard for the peer may leave now; what may not is `due` later, unless a handshake goes on. */
  outgoing(packet: Uint8Array, now: number): boolean {
    if (isResponse(packet)) this.#answered();
    if (!isInitiation(packet)) return true;
    if (now < this.#answering) {
      this.#waiting = { packet, inward: false, until: this.#answering };
      return false;
    }
    return true;
  }

  /** A packet has left for the peer, over a rung or by signal; one that went by signal may follow over a rung, which is the faster way. */
  left(packet: Uint8Array, now: number, { posted = false }: { posted?: boolean } = {}): void {
    if (!isInitiation(packet)) return;
    this.#underWay = now + (posted ? POSTED_UNDER_WAY : UNDER_WAY);
    if (this.#waiting?.inward) this.#waiting.until = this.#underWay;
  }

  /** Whether WireGuard is to get a packet of the peer now; the same. */
  incoming(packet: Uint8Array, now: number): boolean {
    if (isResponse(packet)) {
      this.#underWay = -Infinity;
      this.#answered();
    }
    if (!isInitiation(packet)) return true;
    if (this.#wins && now < this.#underWay) {
      this.#waiting = { packet, inward: true, until: this.#underWay };
      return false;
    }
    this.#underWay = -Infinity;
    this.#answering = now + ANSWERING;
    this.#waiting = null;
    return true;
  }

  /** A handshake goes on: what waited for it to fail is void. */
  #answered(): void {
    this.#answering = -Infinity;
    this.#waiting = null;
  }

  /** What has waited long enough, to be taken by `outgoing` or `incoming` now. */
  due(now: number): Due | null {
    if (this.#waiting === null || this.#waiting.until > now) return null;
    const { packet, inward } = this.#waiting;
    this.#answered();
    return { packet, inward };
  }

  /** When `due` has something, in ms. */
  nextDeadline(): number | null {
    return this.#waiting?.until ?? null;
  }
}
