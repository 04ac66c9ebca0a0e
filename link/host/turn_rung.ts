/**
 * Rung "turn": packets through TURN servers (core/turn/relay_end.ts), for pairs that no gate session joins: UDP is blocked at one
 * end, or QUIC is. Who has no session asks; who is asked takes part. The address at the server is the daemon's (turn_desk.ts),
 * one for all peers.
 */
import type { SignalBody } from "../../mesh/wire/signal.ts";
import { type RelayAction, type RelayedAddress, RelayEnd, type RelayEvent } from "../core/turn/mod.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { Carrier, CarrierHost, PathNow, Transport } from "./transport.ts";
import type { RelayUser } from "./turn_desk.ts";

export const turn: Transport = {
  rung: "turn",
  rank: 3,
  open: (host) => new TurnCarrier(host),
};

/** Without any path for so long, in ms, an address is asked for: at no gate at all, and at gates but not at the peer's. */
const ALONE = 300;
const APART = 2_000;
/** A peer that has asked is served for so long from then on, in ms, whatever this end needs. */
const ASKED = 30_000;

class TurnCarrier implements Carrier, RelayUser {
  readonly #host: CarrierHost;
  readonly #end: RelayEnd;
  #path: PathNow;
  #askedAt = -Infinity;
  /** The gate at which the peer has its address. */
  #prefer: string | null = null;
  #wanted = false;
  #text = "";

  constructor(host: CarrierHost) {
    this.#host = host;
    this.#path = { rung: "none", since: host.now() };
    this.#end = new RelayEnd({ crypto: host.crypto });
  }

  reachChanged(): void {
    this.#decide();
  }

  pathChanged(path: PathNow): void {
    this.#path = path;
    this.#decide();
  }

  /** Both ends are on a better rung. */
  release(): void {
    if (this.#path.rung === "turn") return;
    this.#askedAt = -Infinity;
    this.#decide();
  }

  signal(body: SignalBody): void {
    if (body.t !== "turn") return;
    const { t: _, ...offer } = body;
    if (offer.ask) this.#askedAt = this.#host.now();
    this.#prefer = offer.gate;
    this.#tell({ kind: "offered", offer });
    this.#decide();
  }

  networkChanged(): void {
    this.#path = { ...this.#path, since: this.#host.now() };
    this.#decide();
  }

  send(packet: Uint8Array): boolean {
    const { up, peer } = this.#end;
    return up && peer !== null && this.#host.turn.send(peer, packet);
  }

  get proved(): boolean {
    return this.#end.up;
  }

  // The desk's word -------------------------------------------------------------------------------

  relay(own: RelayedAddress | null, text: string): void {
    this.#text = text;
    this.#tell({ kind: "relay", relay: own });
  }

  permitted(peer: TransportAddress): void {
    this.#tell({ kind: "permitted", peer });
  }

  denied(peer: TransportAddress): void {
    this.#tell({ kind: "denied", peer });
  }

  datagram(bytes: Uint8Array): void {
    this.#tell({ kind: "datagram", bytes });
  }

  // -----------------------------------------------------------------------------------------------

  #decide(): void {
    this.#want(this.#worthIt(this.#host.now()));
    this.#host.rearm();
  }

  #worthIt(now: number): boolean {
    if (!this.#host.turn.enabled) return false;
    if (this.#path.rung === "turn" || now - this.#askedAt < ASKED) return true;
    // What is up stays until both ends have left it and it has drained.
    if (this.#path.rung !== "none") return this.#wanted && this.#end.up && now - this.#path.since < ASKED;
    return now >= this.#path.since + this.#patience;
  }

  /** Who is at a gate where the peer is at home, and does not meet it there, learns nothing by asking: it is off. */
  get #patience(): number {
    const { gates, peerId } = this.#host;
    if (gates.towards(peerId)) return Infinity;
    const { connected } = gates;
    if (connected.length === 0) return this.#host.turn.first ? 0 : ALONE;
    const homes = this.#host.peerGates();
    return homes.length > 0 && !homes.some((home) => connected.includes(home)) ? APART : Infinity;
  }

  #want(on: boolean): void {
    if (on === this.#wanted) return;
    this.#wanted = on;
    this.#tell({ kind: "want", on });
    if (on) this.#host.turn.acquire(this, this.#prefer);
    else this.#give();
  }

  #give(): void {
    this.#host.turn.release(this);
    this.#tell({ kind: "relay", relay: null });
  }

  #tell(event: RelayEvent): void {
    for (const action of this.#end.handle(event, this.#host.now())) this.#do(action);
    this.#host.rearm();
  }

  #do(action: RelayAction): void {
    const { turn } = this.#host;
    switch (action.kind) {
      case "offer":
        return this.#host.signal({ t: "turn", ...action.offer });
      case "permit":
        return turn.permit(this, action.peer);
      case "forget":
        return turn.forget(this, action.peer);
      case "send":
        if (this.#end.peer) turn.send(this.#end.peer, action.bytes);
        return;
      case "packet":
        return this.#host.received(action.bytes);
      case "up":
        return this.#host.up({ endpoint: this.#text, rttMs: action.rttMs });
      case "down":
        turn.doubt();
        return this.#host.down();
    }
  }

  tick(): void {
    this.#tell({ kind: "tick" });
    this.#decide();
  }

  nextDeadline(): number | null {
    const { rung, since } = this.#path;
    const now = this.#host.now();
    const waits = [this.#end.nextDeadline() ?? Infinity];
    if (rung === "none" && !this.#wanted && this.#host.turn.enabled) waits.push(since + this.#patience);
    if (this.#wanted && rung !== "turn") {
      const last = Math.max(this.#askedAt, rung === "none" ? -Infinity : since) + ASKED;
      if (last > now) waits.push(last);
    }
    const next = Math.min(...waits);
    return Number.isFinite(next) ? next : null;
  }

  close(): void {
    this.#want(false);
  }
}
