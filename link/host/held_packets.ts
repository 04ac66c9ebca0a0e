/**
 * Packets between WireGuard and the rungs that cross this process. They wait for a way out, or for WireGuard to know the peer: a
 * lost first handshake would cost 5 s, which is when WireGuard tries again. Old ones are worth nothing.
 */
import { HandshakePost } from "../core/handshake/post.ts";
import { HandshakeTie, isInitiation, isResponse } from "../core/handshake/tie.ts";

/** At most so many wait; the oldest goes first. */
const MAX_HELD = 32;
/** In ms. */
const HELD_FOR = 3_000;
/** An initiation is good until WireGuard makes the next one, 5 s later and up to a third of a second (whitepaper, 6.1). */
const INITIATION_HELD_FOR = 5_400;

interface Held {
  packet: Uint8Array;
  /** For WireGuard, else from it. */
  inward: boolean;
  at: number;
  /** It has gone by signal meanwhile. */
  posted: boolean;
}

/** What waits for one peer. */
class HeldPackets {
  readonly #now: () => number;
  #held: Held[] = [];

  /** @param now ms since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Keeps a packet that came for WireGuard (`inward`) or from it. */
  hold(packet: Uint8Array, inward: boolean): Held {
    if (isInitiation(packet)) this.dropInitiation(inward); // a newer one replaces it
    if (this.#held.length >= MAX_HELD) this.#held.shift();
    const held = { packet, inward, at: this.#now(), posted: false };
    this.#held.push(held);
    return held;
  }

  /** An initiation counts no more: that of the peer has replaced our own in WireGuard, or it has been answered. */
  dropInitiation(inward: boolean): void {
    this.#held = this.#held.filter((h) => h.inward !== inward || !isInitiation(h.packet));
  }

  /** Those of one direction that are still worth something, oldest first. */
  of(inward: boolean): Held[] {
    const now = this.#now();
    return this.#held.filter((h) => h.inward === inward && now - h.at <= worthFor(h));
  }

  /** Gives them, and keeps them no longer. */
  release(inward: boolean): Uint8Array[] {
    const mine = this.of(inward);
    this.#held = this.#held.filter((h) => h.inward !== inward);
    return mine.map(({ packet }) => packet);
  }
}

function worthFor({ packet }: Held): number {
  return isInitiation(packet) ? INITIATION_HELD_FOR : HELD_FOR;
}

/** What one peer's packets need. */
export interface PeerPacketsOptions {
  /** True at the end with the smaller id. */
  wins: boolean;
  /** Hands a packet to the rung in use; false when none takes it now. */
  send(packet: Uint8Array): boolean;
  /** Sends a packet of a handshake by signal. */
  post(packet: Uint8Array): void;
  /** Hands a packet of the peer to WireGuard. */
  deliver(packet: Uint8Array): void;
  /** One of the two WireGuards knows the other from now on (core/path/event.ts). */
  event(kind: "wgConfigured" | "wgHeard"): void;
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
  readonly #post = new HandshakePost();
  readonly #known = Promise.withResolvers<void>();
  #configured = false;
  #heard = false;

  constructor(o: PeerPacketsOptions) {
    this.#o = o;
    this.#held = new HeldPackets(o.now);
    this.#tie = new HandshakeTie({ wins: o.wins });
  }

  /** Resolves when WireGuard knows the peer. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** WireGuard sent this, so it knows the peer. */
  outgoing(packet: Uint8Array): void {
    this.configured();
    this.#leave(packet);
  }

  #leave(packet: Uint8Array): void {
    const now = this.#o.now();
    if (!this.#tie.outgoing(packet, now)) return this.#o.rearm();
    if (this.#o.send(packet)) return this.#tie.left(packet, now);
    // Also what goes by signal is kept: the rung that comes up may be there before the signal is.
    this.#mail(this.#held.hold(packet, false), now);
  }

  #mail(held: Held, now: number): void {
    const { packet } = held;
    if (held.posted || !this.#post.take(packet, now)) return;
    held.posted = true;
    this.#tie.left(packet, now, { posted: true });
    this.#o.post(packet);
  }

  /** The peer sent this. */
  incoming(packet: Uint8Array): void {
    if (!this.#heard) {
      this.#heard = true;
      this.#o.event("wgHeard");
    }
    if (!this.#configured) return void this.#held.hold(packet, true);
    if (!this.#tie.incoming(packet, this.#o.now())) return this.#o.rearm();
    if (isInitiation(packet) || isResponse(packet)) this.#held.dropInitiation(false);
    this.#o.deliver(packet);
  }

  /** The peer sent this by signal; what may not come so is dropped. */
  posted(packet: Uint8Array): void {
    if (this.#post.came(packet, this.#o.now())) this.incoming(packet);
  }

  /** The peer is probably there, although no rung leads to it yet. */
  heard(): void {
    const now = this.#o.now();
    this.#post.heard(now);
    for (const held of this.#held.of(false)) this.#mail(held, now);
  }

  /** A rung takes packets now. */
  carries(): void {
    for (const packet of this.#held.release(false)) this.#leave(packet);
    this.#o.rearm(); // the answer to what went by signal is now waited for less long
  }

  /** WireGuard knows the peer from now on. */
  configured(): void {
    if (this.#configured) return;
    this.#configured = true;
    this.#known.resolve();
    for (const packet of this.#held.release(true)) this.incoming(packet);
    this.#o.event("wgConfigured");
  }

  /** Time has passed, in ms since 1970. */
  tick(now: number): void {
    const due = this.#tie.due(now);
    if (due?.inward) this.incoming(due.packet);
    else if (due) this.#leave(due.packet);
  }

  /** When `tick` has something to do, in ms since 1970. */
  nextDeadline(): number | null {
    return this.#tie.nextDeadline();
  }
}
