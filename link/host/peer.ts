/**
 * One peer as this machine reaches it: its relay socket on the loopback (where WireGuard sends while the path goes through
 * this process), its relayed rungs, its ICE agent and its path machine, and what the two machines decided so far. It changes nothing on the machine
 * itself: `wanted()` is what the daemon's next reconciliation applies.
 */
import { HandshakeTie } from "../core/handshake/tie.ts";
import { IceAgent, type IceSnapshot } from "../core/ice/mod.ts";
import type { IceAction, IceEvent } from "../core/ice/event.ts";
import type { PathAction, PathEvent } from "../core/path/event.ts";
import { Path } from "../core/path/mod.ts";
import type { Bridge, Endpoint, Join } from "../core/plan/mod.ts";
import type { StunCrypto, TransportAddress } from "../core/stun/mod.ts";
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import type { SignalBody, WireCandidate } from "../../mesh/wire/signal.ts";
import type { Gates } from "./gates.ts";
import type { GuessDesk } from "./guess.ts";
import type { IceHub } from "./ice_hub.ts";
import { PeerGuess } from "./peer_guess.ts";
import { Timeline } from "./timeline.ts";
import type { Carrier, Transport, Up } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

/** What a peer needs of the daemon. */
export interface PeerHost {
  selfId: string;
  hub: IceHub;
  guesses: GuessDesk;
  crypto: StunCrypto;
  tieBreaker: bigint;
  /** False for addresses that must not be candidates: the overlay's own. */
  accept(address: string): boolean;
  wgPort(): number;
  signal(to: string, body: SignalBody): void;
  gates: Gates;
  /** The relayed rungs; those of transports.ts unless said. */
  transports?: readonly Transport[];
  /** What `wanted()` gives has changed; the promise resolves when the machine has been brought into line with it. */
  changed(): Promise<void>;
  moved(peer: Peer): void;
  /** A deadline is sooner than it was. */
  rearm(): void;
  now(): number;
}

/**
 * Packets that wait for a way out, or for WireGuard to know the peer: a lost first handshake would cost 5 s, which is when
 * WireGuard tries again. Old ones are worth nothing.
 */
const MAX_HELD = 32;
const HELD_FOR = 3_000;

/** How a peer is reached now. */
export interface PathState {
  rung: Rung;
  endpoint: string | null;
  rttMs: number | null;
  /** ms since 1970. */
  since: number;
}

/** A relayed rung of a peer. */
interface RungState {
  transport: Transport;
  carrier: Carrier;
  /** What it said when it came up; null while it is down. */
  up: Up | null;
  /** Where WireGuard sent while it was up last. */
  last: TransportAddress | null;
}

/** A peer. */
export class Peer {
  readonly id: string;
  readonly #host: PeerHost;
  readonly #path = new Path();
  readonly #ice: IceAgent;
  readonly #guess: PeerGuess;
  readonly timeline: Timeline;
  readonly #relay4: Deno.DatagramConn;
  #relay6: Deno.DatagramConn | null = null;
  /** The relayed rungs, best first, and what those that are up have said. */
  readonly #rungs: RungState[] = [];
  #use: { rung: Rung; wireguard: Endpoint | null } = { rung: "none", wireguard: null };
  #bridge: { remote: TransportAddress; local: string | null } | null = null;
  /** The generation whose `ice` message has been sent; later candidates trickle. */
  #offered: string | null = null;
  readonly #tie: HandshakeTie;
  #configured = false;
  #held: { packet: Uint8Array; inward: boolean; at: number }[] = [];
  /** Number of the peer's newest `ice` message. */
  #iceNumber = 0;
  /** The peer's generation that was heard of last. */
  #remoteUfrag: string | null = null;
  /** Candidates of the hub that the agent has been told of. */
  readonly #told = new Set<string>();
  state: PathState;

  constructor(id: string, host: PeerHost) {
    this.id = id;
    this.#host = host;
    this.#relay4 = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    void this.#readRelay(this.#relay4);
    // One side has to decide; ids differ, so exactly one is smaller.
    const smaller = host.selfId < id;
    const role = smaller ? "controlling" : "controlled";
    this.#tie = new HandshakeTie({ wins: smaller });
    this.#ice = new IceAgent({ role, tieBreaker: host.tieBreaker, crypto: host.crypto, accept: host.accept });
    this.timeline = new Timeline(host.now);
    this.#guess = new PeerGuess({
      ...host,
      desk: host.guesses,
      agent: this.#ice,
      send: (to, bytes) => host.hub.send(to, bytes, this),
      datagram: (from, bytes) => this.datagram(from, bytes),
      signal: (body) => host.signal(id, body),
      began: () => this.event({ kind: "iceStarted" }),
      failed: () => this.event({ kind: "iceFailed" }),
      note: (what) => this.timeline.note(what),
    });
    this.state = { rung: "none", endpoint: null, rttMs: null, since: host.now() };
    host.hub.listen(this.#ice.local.ufrag, this);
    const transports = host.transports ?? TRANSPORTS;
    for (const transport of transports.toSorted((a, b) => a.rank - b.rank)) this.#open(transport);
  }

  #open(transport: Transport): void {
    const { selfId, gates, hub, crypto } = this.#host;
    const { rung, rank } = transport;
    const carrier = transport.open({
      selfId,
      peerId: this.id,
      gates,
      hub,
      crypto,
      up: (up) => {
        entry.up = up;
        entry.last = up.wireguard ?? null;
        const { endpoint, rttMs, wireguard = null } = up;
        this.event({ kind: "relayUp", relay: { rung, rank, endpoint, rttMs, wireguard } });
        if (carrier.send) this.#release(false);
      },
      down: () => {
        entry.up = null;
        this.event({ kind: "relayDown", rung });
      },
      received: (packet) => this.relayed(packet),
      signal: (body) => this.#host.signal(this.id, body),
      rearm: () => this.#host.rearm(),
      now: () => this.#host.now(),
    });
    const entry: RungState = { transport, carrier, up: null, last: null };
    this.#rungs.push(entry);
  }

  /** Gate sessions, or the peer's presence there, changed. */
  reachChanged(): void {
    for (const { carrier } of this.#rungs) carrier.reachChanged();
  }

  /** A gate's word about a path to this peer. */
  gateMessage(gate: string, message: FromGate): void {
    for (const { carrier } of this.#rungs) carrier.gateMessage?.(gate, message);
  }

  async #readRelay(socket: Deno.DatagramConn): Promise<void> {
    for await (const [packet, from] of socket) {
      // Anybody on this machine can send here; WireGuard's own port is who should.
      if (from.transport !== "udp" || from.port !== this.#host.wgPort()) continue;
      if (this.#tie.outgoing(packet, this.#host.now())) this.#send(packet);
      else this.#host.rearm();
    }
  }

  #send(packet: Uint8Array): void {
    if (!this.#relay(packet)) this.#hold(packet, false);
  }

  /** Sends by the rung in use, or by the best that is up while WireGuard is still on another one. */
  #relay(packet: Uint8Array): boolean {
    for (const { carrier } of this.#rungs) carrier.packetSeen?.(packet);
    const able = this.#rungs.filter(({ up, carrier }) => up && carrier.send);
    const used = able.find(({ transport }) => transport.rung === this.#use.rung);
    return [...(used ? [used] : []), ...able].some(({ carrier }) => carrier.send!(packet));
  }

  #hold(packet: Uint8Array, inward: boolean): void {
    if (this.#held.length >= MAX_HELD) this.#held.shift();
    this.#held.push({ packet, inward, at: this.#host.now() });
  }

  #release(inward: boolean): void {
    const oldest = this.#host.now() - HELD_FOR;
    const mine = this.#held.filter((h) => h.inward === inward);
    this.#held = this.#held.filter((h) => h.inward !== inward);
    for (const { packet, at } of mine) {
      if (at < oldest) continue;
      if (inward) this.relayed(packet);
      else this.#relay(packet);
    }
  }

  /** WireGuard knows the peer from now on. */
  configured(): void {
    this.#configured = true;
    this.#release(true);
  }

  /** A WireGuard packet that came through a gate. */
  relayed(packet: Uint8Array): void {
    for (const { carrier } of this.#rungs) carrier.packetSeen?.(packet);
    if (!this.#configured) return this.#hold(packet, true);
    if (!this.#tie.incoming(packet, this.#host.now())) return;
    // The bridge rewrites within one family, so packets of an IPv6 pair take the IPv6 loopback.
    const v6 = this.#bridge?.remote.address.includes(":") ?? false;
    const socket = v6 ? this.#socket6() : this.#relay4;
    const to: Deno.NetAddr = { transport: "udp", hostname: v6 ? "::1" : "127.0.0.1", port: this.#host.wgPort() };
    socket.send(packet, to).catch(() => {}); // WireGuard is being restarted: the sender's TCP will send again
  }

  #socket6(): Deno.DatagramConn {
    if (!this.#relay6) {
      this.#relay6 = Deno.listenDatagram({ transport: "udp", hostname: "::1", port: 0 });
      void this.#readRelay(this.#relay6);
    }
    return this.#relay6;
  }

  /** A STUN datagram for this peer's agent. */
  datagram(from: TransportAddress, bytes: Uint8Array): void {
    this.#guess.datagram(from, bytes);
    this.#iceEvent({ kind: "datagram", from, to: null, bytes });
  }

  /** Tells the path machine that something happened. */
  event(event: PathEvent): void {
    this.#pathActions(this.#path.handle(event, this.#host.now()));
  }

  /** A signal of this peer about paths; `n` is its number, which grows with the time it was sent. */
  signal(body: SignalBody, n: number): void {
    switch (body.t) {
      case "ice": {
        // An offer that a later one has overtaken would take us back to credentials that are no longer used.
        if (n < this.#iceNumber) return;
        this.#iceNumber = n;
        this.#tellCandidates();
        this.#iceEvent({ kind: "remoteCredentials", ufrag: body.ufrag, pwd: body.pwd, reply: body.reply });
        this.#remoteCandidates(body);
        // A repeated offer is answered again, but begins nothing new.
        if (!body.reply && body.ufrag !== this.#remoteUfrag) this.event({ kind: "iceStarted" });
        this.#remoteUfrag = body.ufrag;
        if (!body.reply) this.#sendIce(true);
        return;
      }
      case "candidates":
        return this.#remoteCandidates(body);
      case "guess":
        return this.#guess.told(body);
      case "moved":
        return this.event({ kind: "peerMoved", rung: body.rung as Rung, serial: body.serial });
      case "moved-ack":
        return this.event({ kind: "peerMovedAck", serial: body.serial });
      default:
        for (const { carrier } of this.#rungs) carrier.signal?.(body);
    }
  }

  #remoteCandidates({ ufrag, candidates }: { ufrag: string; candidates: WireCandidate[] }): void {
    this.#guess.named(candidates);
    for (const candidate of candidates) this.#iceEvent({ kind: "remoteCandidate", candidate, ufrag });
  }

  /** The machine's candidates changed. */
  candidatesChanged(): void {
    if (this.#offered !== null) this.#tellCandidates();
  }

  /** The machine is on another network: everything learnt about paths is void. */
  networkChanged(): void {
    this.#told.clear();
    this.timeline.note("this machine's network changed");
    this.#guess.networkChanged();
    this.#iceEvent({ kind: "networkChanged" });
    this.event({ kind: "networkChanged" });
    for (const { carrier } of this.#rungs) carrier.networkChanged?.();
  }

  #tellCandidates(): void {
    for (const c of this.#host.hub.candidates()) {
      const key = `${c.type} ${c.address} ${c.port}`;
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#iceEvent({ kind: "localCandidate", ...c });
    }
  }

  #sendIce(reply: boolean): void {
    this.#tellCandidates();
    const { ufrag, pwd } = this.#ice.local;
    this.#host.hub.listen(ufrag, this);
    this.#offered = ufrag;
    this.#host.signal(this.id, { t: "ice", ufrag, pwd, reply, candidates: this.#ice.candidates().slice(0, 32) });
  }

  #iceEvent(event: IceEvent): void {
    const trickle = [];
    for (const action of this.#ice.handle(event, this.#host.now())) {
      if (action.kind === "candidate") trickle.push(action.candidate);
      else this.#iceAction(action);
    }
    const { ufrag } = this.#ice.local;
    this.#host.hub.listen(ufrag, this);
    if (trickle.length > 0 && this.#offered === ufrag) {
      this.#host.signal(this.id, { t: "candidates", ufrag, candidates: trickle.slice(0, 32) });
    }
  }

  #iceAction(action: Exclude<IceAction, { kind: "candidate" }>): void {
    switch (action.kind) {
      case "send":
        return this.#host.hub.send(action.to, action.bytes, this);
      case "selected":
        return this.event({ kind: "iceSelected", pair: action.pair, rttMs: action.rttMs });
      case "consentLost":
        this.timeline.note("ICE: consent lost");
        this.#guess.lost();
        return this.event({ kind: "iceConsentLost" });
      case "failed":
        return this.#guess.iceFailed() ? this.event({ kind: "iceFailed" }) : undefined;
      case "state":
        this.timeline.note(`ICE: ${action.state}`);
        return this.#guess.iceState(action.state);
    }
  }

  #pathActions(actions: PathAction[]): void {
    let settled: Promise<void> | null = null;
    for (const action of actions) {
      switch (action.kind) {
        case "use":
          this.#use = { rung: action.rung, wireguard: action.wireguard };
          settled = this.#host.changed();
          break;
        case "bridgeLateRelayed":
          this.#bridge = action.on ? { remote: action.remote, local: action.local } : null;
          settled = this.#host.changed();
          break;
        case "sendMoved": {
          // Only when it is true: after WireGuard sends on the new rung.
          const { rung, serial } = action;
          void (settled ?? Promise.resolve()).then(() => this.#host.signal(this.id, { t: "moved", rung, serial }));
          break;
        }
        case "sendMovedAck":
          this.#host.signal(this.id, { t: "moved-ack", rung: action.rung, serial: action.serial });
          break;
        case "startIce":
          this.#sendIce(false);
          break;
        case "restartIce":
          this.#iceEvent({ kind: "restart" });
          this.#sendIce(false);
          break;
        case "release": {
          // Only when WireGuard has been set once more: what was late may have made it roam back.
          const { rung } = action;
          const left = this.#rungs.find(({ transport }) => transport.rung === rung);
          void (settled ?? Promise.resolve()).then(() => left?.carrier.release?.());
          break;
        }
        case "notify":
          this.state = { rung: action.rung, endpoint: action.endpoint, rttMs: action.rttMs, since: action.since };
          this.timeline.note(`path: ${action.rung}${action.endpoint ? ` ${action.endpoint}` : ""}`);
          for (const { carrier } of this.#rungs) carrier.pathChanged?.(this.state);
          this.#host.moved(this);
          break;
      }
    }
  }

  /** What there is to see, for people. */
  inside(): { ice: IceSnapshot; guess: string | null; remotes: readonly WireCandidate[] } {
    return { ice: this.#ice.snapshot(), guess: this.#guess.text, remotes: this.#guess.remotes };
  }

  /** Runs both machines' timers. */
  tick(): void {
    const now = this.#host.now();
    const due = (deadline: number | null) => deadline !== null && deadline <= now;
    if (due(this.#ice.nextDeadline())) this.#iceEvent({ kind: "tick" });
    if (due(this.#path.nextDeadline())) this.event({ kind: "tick" });
    if (due(this.#guess.nextDeadline())) this.#guess.tick();
    for (const { carrier } of this.#rungs) if (due(carrier.nextDeadline?.() ?? null)) carrier.tick?.();
    const initiation = this.#tie.due(now);
    if (initiation) this.#send(initiation);
  }

  /** When `tick` is due, in ms; null when nothing is waited for. */
  nextDeadline(): number | null {
    const rungs = this.#rungs.map(({ carrier }) => carrier.nextDeadline?.() ?? null);
    const own = [this.#ice, this.#path, this.#guess, this.#tie].map((machine) => machine.nextDeadline());
    const all = [...own, ...rungs].filter((d) => d !== null);
    return all.length === 0 ? null : Math.min(...all);
  }

  /** What WireGuard and nftables should have for this peer. */
  wanted(): { endpoint: Endpoint; bridge: Bridge | null; join: Join | null } {
    const relay = { address: "127.0.0.1", port: (this.#relay4.addr as Deno.NetAddr).port };
    const endpoint = this.#use.wireguard ?? relay;
    const { join } = this.#guess;
    const to = this.#bridge;
    if (!to) return { endpoint, bridge: null, join };
    const v6 = to.remote.address.includes(":");
    const relayPort = v6 ? (this.#socket6().addr as Deno.NetAddr).port : relay.port;
    // A rung of WireGuard's own that was left: what is still under way there must not make WireGuard roam back either.
    const left = this.#rungs.find(({ last }) =>
      last && !(last.address === to.remote.address && last.port === to.remote.port)
    );
    return { endpoint, bridge: { relayPort, remote: to.remote, local: to.local, late: left?.last ?? null }, join };
  }

  /** Closes its sockets. */
  close(): void {
    this.#host.hub.forget(this);
    this.#guess.close();
    for (const { carrier } of this.#rungs) carrier.close();
    this.#relay4.close();
    this.#relay6?.close();
  }
}
