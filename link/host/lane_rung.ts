/**
 * Rung "lane": a UDP port on a gate, over which the gate's kernel passes WireGuard's packets (core/lane/lane_end.ts). It is asked
 * for when a pair stays on a lesser relay and data goes over it; an idle pair costs the gate nothing.
 */
import { fromBase64Url } from "../../mesh/wire/encoding.ts";
import { type FromGate, LANE_IDLE } from "../../mesh/wire/gate_session.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import { type LaneAction, LaneEnd, type LaneEvent } from "../core/lane/lane_end.ts";
import { laneRefusal } from "../core/lane/refusal.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { type LaneHost, MovingLane } from "./lane_moves.ts";
import type { Carrier, PathNow, Transport } from "./transport.ts";

export const lane: Transport = {
  rung: "lane",
  rank: 1,
  open: (host) => new MovingLane(host, (one) => new LaneCarrier(one)),
};

/** A pair stays on a lesser relay for so long, in ms, before a lane is asked for: most pairs are direct sooner. */
const PATIENCE = 1_000;
/** Data that is older says nothing. */
const FRESH = 5_000;
/** After so long without data, in ms, a lane that never came up is not asked for again. */
const STALE = 15_000;
/** A lane that a direct path has taken over from is given up after this at the latest. */
const KEEP = 10_000;
/** What WireGuard adds to a packet of the tunnel, in bytes: header and tag. */
const WIREGUARD = 32;
/** WireGuard's transport data (type 4); 32 bytes are a keepalive. */
const DATA = 4;
const EMPTY = 32;

class LaneCarrier implements Carrier {
  readonly #host: LaneHost;
  readonly #end: LaneEnd;
  #path: PathNow = { rung: "none", since: 0 };
  #dataAt = -Infinity;
  #wanted = false;
  /** The newest session in which the peer was met. */
  #session: ReturnType<LaneHost["gates"]["towards"]> = null;
  /** The gate that was asked last. */
  #gate: string | null = null;
  /** Why the gate gives no lane, for people. */
  #refusal: string | null = null;

  constructor(host: LaneHost) {
    this.#host = host;
    this.#end = new LaneEnd({
      leads: host.selfId < host.peerId,
      size: host.mtu + WIREGUARD,
      crypto: host.crypto,
    });
  }

  reachChanged(): void {
    const session = this.#host.gates.towards(this.#host.peerId);
    const fresh = session !== null && session !== this.#session;
    this.#session = session ?? this.#session;
    this.#gate = session?.gateId ?? this.#gate;
    const gate = session && { id: session.gateId, addresses: this.#host.gates.addressesOf(session.gateId) };
    this.#tell({ kind: "gate", gate, fresh });
  }

  packetSeen(packet: Uint8Array): void {
    if (packet[0] !== DATA || packet.length <= EMPTY) return;
    const before = this.#dataAt;
    this.#dataAt = this.#host.now();
    if (!this.#wanted && this.#dataAt - before > 200) {
      this.#decide();
      this.#host.rearm();
    }
  }

  pathChanged(path: PathNow): void {
    this.#path = path;
    this.#decide();
    this.#host.rearm();
  }

  release(): void {
    if (this.#path.rung !== "lane") this.#want(false);
  }

  signal(body: SignalBody): void {
    if (body.t !== "lane") return;
    // The peer has data for us, or from us.
    this.#dataAt = Math.max(this.#dataAt, this.#host.now() - FRESH / 2);
    this.#decide();
    this.#tell({ kind: "offered", gate: body.gate, ufrag: body.ufrag, pwd: body.pwd });
  }

  gateMessage(gate: string, message: FromGate): void {
    if (gate !== this.#gate) return;
    if (message.t === "lane") {
      const { port, end } = message;
      this.#refusal = null;
      this.#tell({ kind: "granted", port, end, token: fromBase64Url(message.token) });
    } else if (message.t === "lane-ready") this.#tell({ kind: "ready", port: message.port, family: message.family });
    else if (message.t === "lane-ended") {
      const { reason } = message;
      this.#refusal = laneRefusal(reason, this.#host.gates.nameOf(gate));
      if (this.#refusal !== null) this.#host.note(`lane: ${this.#refusal}`);
      this.#dataAt = -Infinity;
      const missed = reason !== LANE_IDLE && this.#path.rung !== "direct";
      if (!missed) this.#wanted = false; // until there is data again
      this.#tell({ kind: "ended", missed });
      this.#want(false);
    }
  }

  busy(busy: boolean): void {
    this.#tell({ kind: "busy", busy });
  }

  gateDoubted(on: boolean): void {
    this.#tell({ kind: "gateDoubted", on });
  }

  networkChanged(): void {
    this.#tell({ kind: "networkChanged" });
  }

  why(): string | null {
    return this.#refusal && `no lane: ${this.#refusal}`;
  }

  /** A STUN datagram for this lane. */
  datagram(from: TransportAddress, bytes: Uint8Array): void {
    this.#tell({ kind: "datagram", from, bytes });
  }

  #decide(): void {
    const now = this.#host.now();
    const { rung, since } = this.#path;
    if (rung === "lane" || this.#end.up && rung !== "direct") return this.#want(true);
    if (rung === "direct") return this.#want(this.#wanted && now - since < KEEP);
    const quiet = now - this.#dataAt;
    if (rung !== "none" && now - since >= PATIENCE && quiet < FRESH) this.#want(true);
    // Attempts that come to nothing end with the data, too.
    else if (quiet >= STALE) this.#want(false);
  }

  #want(on: boolean): void {
    if (on === this.#wanted) return;
    this.#wanted = on;
    this.#tell({ kind: "want", on });
  }

  #tell(event: LaneEvent): void {
    for (const action of this.#end.handle(event, this.#host.now())) this.#do(action);
    this.#host.rearm();
  }

  #do(action: LaneAction): void {
    const { gates, hub, peerId } = this.#host;
    switch (action.kind) {
      case "ask":
        if (this.#gate !== null) gates.send(this.#gate, { t: "lane", node: peerId, want: action.want });
        return;
      case "offer":
        return this.#host.signal({ t: "lane", gate: action.gate, ufrag: action.ufrag, pwd: action.pwd });
      case "listen":
        return hub.listen(action.ufrag, this);
      case "send":
        return hub.send(action.to, action.bytes, this);
      case "up": {
        const endpoint = this.#gate === null ? null : gates.nameOf(this.#gate);
        return this.#host.up({ endpoint, rttMs: action.rttMs, wireguard: action.remote });
      }
      case "down":
        return this.#host.down();
      case "narrow":
        this.#refusal = "packets of the tunnel's full length do not come through it";
        return this.#host.note(`lane: ${this.#refusal}`);
    }
  }

  tick(): void {
    this.#decide();
    this.#tell({ kind: "tick" });
  }

  nextDeadline(): number | null {
    const { rung, since } = this.#path;
    const now = this.#host.now();
    const all = [this.#end.nextDeadline() ?? Infinity];
    if (rung === "direct" && this.#wanted) all.push(since + KEEP);
    else if (!this.#wanted && rung !== "none" && rung !== "direct" && now - this.#dataAt < FRESH) {
      all.push(since + PATIENCE);
    }
    const next = Math.min(...all);
    return Number.isFinite(next) ? next : null;
  }

  close(): void {
    this.#want(false);
    this.#host.hub.forget(this);
  }
}
