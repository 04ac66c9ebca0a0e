/**
 * Packets between WireGuard and the rungs that cross this process. They wait for a way out, or for WireGuard to know the peer: a
 * lost first handshake would cost 5 s, which is when WireGuard tries again. Old ones are worth nothing.
 */
import { HandshakeTie, isInitiation } from "../core/handshake/tie.ts";

/** At most so many wait; the oldest goes first. */
const MAX_HELD = 32;
/** In ms. */
const HELD_FOR = 3_000;

/** What waits for one peer. */
class HeldPackets {
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

  /** Our own initiation counts no more once the peer's has replaced it in WireGuard. */
  dropInitiation(): void {
    this.#held = this.#held.filter((h) => h.inward || !isInitiation(h.packet));
  }

  /** Gives those of one direction that are still worth something, oldest first, and keeps them no longer. */
  release(inward: boolean): Uint8Array[] {
    const oldest = this.#now() - HELD_FOR;
    const mine = this.#held.filter((h) => h.inward === inward && h.at >= oldest);
    this.#held = this.#held.filter((h) => h.inward !== inward);
    return mine.map(({ packet }) => packet);
  }
}

/** What one peer's packets need. */
export interface PeerPacketsOptions {
  /** True at the end with the smaller id. */
  wins: boolean;
  /** Hands a packet to the rung in use; false when none takes it now. */
  send(packet: Uint8Array): boolean;
  /** Hands a packet of the peer to WireGuard. */
  deliver(packet: Uint8Array): void;
  /** `nextDeadline` is sooner than it was. */
  rearm(): void;
  /** ms since 1970. */
  now(): number;
}

/** The packets of one peer, both ways. The tie is asked when a packet really leaves, since that is when two can cross. */
export class PeerPackets {
  readonly #o: PeerPacketsOptions;
  readonly #held: HeldPackets;
  readonly #tie: HandshakeTie;
  #configured = false;

  constructor(o: PeerPacketsOptions) {
    this.#o = o;
    this.#held = new HeldPackets(o.now);
    this.#tie = new HandshakeTie({ wins: o.wins });
  }

  /** WireGuard sent this. */
  outgoing(packet: Uint8Array): void {
    if (this.#tie.outgoing(packet, this.#o.now())) this.#send(packet);
    else this.#o.rearm();
  }

  /** The peer sent this. */
  incoming(packet: Uint8Array): void {
    if (!this.#configured) return this.#held.hold(packet, true);
    if (!this.#tie.incoming(packet, this.#o.now())) return;
    if (isInitiation(packet)) this.#held.dropInitiation();
    this.#o.deliver(packet);
  }

  /** A rung takes packets now. */
  carries(): void {
    for (const packet of this.#held.release(false)) this.outgoing(packet);
  }

  /** WireGuard knows the peer from now on. */
  configured(): void {
    this.#configured = true;
    for (const packet of this.#held.release(true)) this.incoming(packet);
  }

  /** Time has passed, in ms since 1970. */
  tick(now: number): void {
    const initiation = this.#tie.due(now);
    if (initiation) this.#send(initiation);
  }

  /** When `tick` has something to do, in ms since 1970. */
  nextDeadline(): number | null {
    return this.#tie.nextDeadline();
  }

  #send(packet: Uint8Array): void {
    if (!this.#o.send(packet)) this.#held.hold(packet, false);
  }
}
