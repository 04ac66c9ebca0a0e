/**
 * One peer as this machine reaches it: its relay socket on the loopback (where WireGuard sends while the path goes through
 * this process), its relayed rungs, its ICE agent and its path machine, and what the two machines decided so far. It changes nothing on the machine
 * itself: `wanted()` is what the daemon's next reconciliation applies.
 */
import type { LocalCandidate } from "./ice_hub.ts";
import { IceAgent, type IceSnapshot } from "../core/ice/mod.ts";
import type { IceAction, IceEvent } from "../core/ice/event.ts";
import type { PathAction, PathEvent } from "../core/path/event.ts";
import { type Counters, Path, Traffic, TunnelWatch } from "../core/path/mod.ts";
import type { Bridge, Endpoint, Join } from "../core/plan/mod.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import { fromBase64Url, toBase64Url } from "../../mesh/wire/encoding.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import type { SignalBody, WireCandidate } from "../../mesh/wire/signal.ts";
import { PeerPackets } from "./held_packets.ts";
import { Loopback } from "./loopback.ts";
import { Moves } from "./moves.ts";
import type { PathState, PeerHost } from "./peer_host.ts";
import { PeerGuess } from "./peer_guess.ts";
import { PeerRungs } from "./peer_rungs.ts";
import { Timeline } from "./timeline.ts";
import { SeenOutside, ToldCandidates } from "./told_candidates.ts";
import { TRANSPORTS } from "./transports.ts";

/** A peer. */
export class Peer {
  readonly id: string;
  readonly #host: PeerHost;
  readonly #path = new Path();
  readonly #ice: IceAgent;
  readonly #guess: PeerGuess;
  readonly timeline: Timeline;
  /** Where WireGuard sends while the path goes through this process. */
  readonly #loopback: Loopback;
  readonly #rungs: PeerRungs;
  readonly packets: PeerPackets;
  #use: { rung: Rung; wireguard: Endpoint | null } = { rung: "none", wireguard: null };
  readonly #moves: Moves;
  #bridge: { remote: TransportAddress; local: string | null } | null = null;
  /** The generation whose `ice` message has been sent; later candidates trickle. */
  #offered: string | null = null;
  readonly #watch = new TunnelWatch();
  readonly #traffic = new Traffic();
  /** Number of the peer's newest `ice` message. */
  #iceNumber = 0;
  /** The peer's generation that was heard of last. */
  #remoteUfrag: string | null = null;
  /** Candidates of the hub that the agent has been told of. */
  readonly #told = new ToldCandidates<LocalCandidate>();
  readonly #theirs = new SeenOutside();
  #state: PathState;

  constructor(id: string, host: PeerHost) {
    this.id = id;
    this.#host = host;
    this.#loopback = new Loopback({
      wgPort: host.wgPort,
      received: (packet) => {
        this.#traffic.packet(packet, host.now());
        this.packets.outgoing(packet);
      },
    });
    // One side has to decide; ids differ, so exactly one is smaller.
    const smaller = host.selfId < id;
    const role = smaller ? "controlling" : "controlled";
    this.packets = new PeerPackets({
      wins: smaller,
      send: (packet) => this.#rungs.send(packet, this.#use.rung),
      post: (packet) => host.signal(id, { t: "wireguard", packet: toBase64Url(packet) }),
      // The bridge rewrites within one family, so packets of an IPv6 pair take the IPv6 loopback.
      deliver: (packet) => this.#loopback.send(packet, this.#bridge?.remote.address.includes(":") ? 6 : 4),
      event: (kind) => this.event({ kind }),
      rearm: () => host.rearm(),
      now: host.now,
    });
    this.#moves = new Moves({
      ...host,
      inUse: () => this.#use.rung,
      tell: (rung, serial) => host.signal(id, { t: "moved", rung, serial }),
      release: (rung) => this.#rungs.release(rung),
    });
    this.#ice = new IceAgent({ role, tieBreaker: host.tieBreaker, crypto: host.crypto, accept: host.accept });
    this.timeline = new Timeline(host.now);
    this.#guess = new PeerGuess({
      ...host,
      id,
      desk: host.guesses,
      agent: this.#ice,
      send: (to, bytes) => host.hub.send(to, bytes, this),
      datagram: (from, bytes) => this.datagram(from, bytes),
      signal: (body) => host.signal(id, body),
      wanted: () => this.#traffic.used(host.now()),
      began: () => this.event({ kind: "iceStarted" }),
      failed: () => this.event({ kind: "iceFailed" }),
      note: (what) => this.timeline.note(what),
    });
    this.#state = { rung: "none", endpoint: null, rttMs: null, since: host.now() };
    host.hub.listen(this.#ice.local.ufrag, this);
    this.#rungs = new PeerRungs(host.transports ?? TRANSPORTS, {
      ...host,
      peerId: id,
      received: (packet) => this.relayed(packet),
      signal: (body) => host.signal(id, body),
      event: (event) => this.event(event),
      carries: () => this.packets.carries(),
      note: (what) => this.timeline.note(what),
    });
  }

  /** How the peer is reached now; the round trip of a direct path is as fresh as its last consent check. */
  get state(): PathState {
    const { rung, rttMs } = this.#state;
    return { ...this.#state, rttMs: rung === "direct" ? this.#ice.rttMs ?? rttMs : rttMs };
  }

  /** Gate sessions, or the peer's presence there, changed. */
  reachChanged(): void {
    const { gates } = this.#host;
    const there = gates.towards(this.id) !== null;
    // Where only a session of this machine's own has ended, that says nothing about the peer.
    if (there || gates.hasLeft(this.id)) this.#guess.seen(there);
    this.#rungs.each((carrier) => carrier.reachChanged());
  }

  /** A gate's word about a path to this peer. */
  gateMessage(gate: string, message: FromGate): void {
    this.#rungs.each((carrier) => carrier.gateMessage?.(gate, message));
  }

  /** A WireGuard packet that came through a gate. */
  relayed(packet: Uint8Array): void {
    this.#rungs.each((carrier) => carrier.packetSeen?.(packet));
    this.packets.incoming(packet);
  }

  /** What WireGuard counts. Where it sends by itself nobody else sees that nothing comes back. */
  counted(counters: Counters): void {
    const { busy, heard } = this.#traffic.read(counters, this.#host.now());
    this.#iceEvent({ kind: "busy", busy });
    if (heard && this.#use.rung === "direct") this.#iceEvent({ kind: "consentHint" });
    this.#rungs.each((carrier) => carrier.busy?.(busy));
    if (!this.#watch.read(counters, this.#host.now()) || !this.#use.wireguard) return;
    this.timeline.note("WireGuard does not get through");
    this.event({ kind: "wgHandshakeStale" });
  }

  /** A STUN datagram for this peer's agent; with its answer a check is waited for no longer. */
  datagram(from: TransportAddress, bytes: Uint8Array): void {
    const due = this.nextDeadline();
    this.#guess.datagram(from, bytes);
    this.#iceEvent({ kind: "datagram", from, to: null, bytes });
    if (this.nextDeadline() !== due) this.#host.rearm();
  }

  /** Tells the path machine that something happened. */
  event(event: PathEvent): void {
    this.#pathActions(this.#path.handle(event, this.#host.now()));
  }

  /** A signal of this peer about paths; `n` is its number, which grows with the time it was sent. */
  signal(body: SignalBody, n: number): void {
    switch (body.t) {
      case "wireguard":
        return this.packets.posted(fromBase64Url(body.packet, "signal.packet"));
      case "ice": {
        this.packets.heard();
        if (!this.#host.direct) return;
        // An offer that a later one has overtaken would take us back to credentials that are no longer used.
        if (n < this.#iceNumber) return;
        this.#iceNumber = n;
        this.#tellCandidates();
        this.#iceEvent({ kind: "remoteCredentials", ufrag: body.ufrag, pwd: body.pwd, reply: body.reply });
        this.#remoteCandidates(body);
        // A repeated offer is answered again, but begins nothing new.
        if (!body.reply && body.ufrag !== this.#remoteUfrag) this.event({ kind: "iceStarted" });
        this.#remoteUfrag = body.ufrag;
        if (body.reply) this.event({ kind: "iceAnswered" });
        else this.#sendIce(true);
        return;
      }
      case "candidates":
        if (!this.#host.direct) return;
        return this.#remoteCandidates(body);
      case "guess":
      case "guess-ask":
      case "guess-answer":
        return this.#host.direct ? this.#guess.signal(body) : undefined;
      case "moved":
        return this.event({ kind: "peerMoved", rung: body.rung as Rung, serial: body.serial });
      case "moved-ack":
        return this.event({ kind: "peerMovedAck", serial: body.serial });
      default:
        this.#rungs.each((carrier) => carrier.signal?.(body));
    }
  }

  #remoteCandidates({ t, ufrag, candidates }: Extract<SignalBody, { candidates: WireCandidate[] }>): void {
    this.#guess.named(candidates, { ufrag, offer: t === "ice" });
    if (this.#theirs.add(candidates)) this.event({ kind: "peerMappingChanged" });
    for (const candidate of candidates) this.#iceEvent({ kind: "remoteCandidate", candidate, ufrag });
  }

  /** The machine's candidates changed. */
  candidatesChanged(): void {
    if (this.#offered !== null && this.#tellCandidates()) this.event({ kind: "mappingChanged" });
  }

  /** The machine is on another network: everything learnt about paths is void. */
  networkChanged(): void {
    this.#told.clear();
    this.timeline.note("this machine's network changed");
    this.#guess.networkChanged();
    this.#iceEvent({ kind: "networkChanged" });
    this.event({ kind: "networkChanged" });
    this.#rungs.each((carrier) => carrier.networkChanged?.());
  }

  /** @returns true when what the NAT gives us is another address than before */
  #tellCandidates(): boolean {
    const { gone, added } = this.#told.update(this.#host.hub.candidates());
    for (const { type, address, port } of gone) this.#iceEvent({ kind: "localCandidateGone", type, address, port });
    for (const candidate of added) this.#iceEvent({ kind: "localCandidate", ...candidate });
    return [gone, added].every((some) => some.some(({ type }) => type === "srflx"));
  }

  #sendIce(reply: boolean): void {
    this.#tellCandidates();
    if (!reply) this.#host.hub.freshen(); // what has changed follows
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
      case "consentDoubted":
        return this.#host.doubted();
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
    for (const action of actions) {
      switch (action.kind) {
        case "use":
          this.#use = { rung: action.rung, wireguard: action.wireguard };
          this.#moves.changed();
          break;
        case "bridgeLateRelayed":
          this.#bridge = action.on ? { remote: action.remote, local: action.local } : null;
          this.#moves.changed();
          break;
        case "sendMoved":
          this.#moves.tell(action.rung, action.serial);
          break;
        case "sendMovedAck":
          this.#host.signal(this.id, { t: "moved-ack", rung: action.rung, serial: action.serial });
          break;
        case "startIce":
        case "offerAgain":
        case "restartIce":
          if (!this.#host.direct) break;
          if (action.kind === "restartIce") this.#iceEvent({ kind: "restart" });
          this.#sendIce(false);
          break;
        case "release":
          this.#moves.release(action.rung);
          break;
        case "notify":
          this.#state = { rung: action.rung, endpoint: action.endpoint, rttMs: action.rttMs, since: action.since };
          this.#watch.moved();
          this.timeline.note(`path: ${action.rung}${action.endpoint ? ` ${action.endpoint}` : ""}`);
          this.#rungs.each((carrier) => carrier.pathChanged?.(this.state));
          this.#host.moved(this);
          break;
      }
    }
  }

  /** What there is to see, for people. */
  inside(): { ice: IceSnapshot; guess: PeerGuess; relays: string | null } {
    return { ice: this.#ice.snapshot(), guess: this.#guess, relays: this.#rungs.why(this.state.rung) };
  }

  /** Runs both machines' timers. */
  tick(): void {
    const now = this.#host.now();
    const due = (deadline: number | null) => deadline !== null && deadline <= now;
    if (due(this.#ice.nextDeadline())) this.#iceEvent({ kind: "tick" });
    if (due(this.#path.nextDeadline())) this.event({ kind: "tick" });
    if (due(this.#guess.nextDeadline())) this.#guess.tick();
    this.#rungs.tick();
    this.packets.tick(now);
  }

  /** When `tick` is due, in ms; null when nothing is waited for. */
  nextDeadline(): number | null {
    const own = [this.#ice, this.#path, this.#guess, this.packets].map((machine) => machine.nextDeadline());
    const all = [...own, ...this.#rungs.deadlines()].filter((d) => d !== null);
    return all.length === 0 ? null : Math.min(...all);
  }

  /** What WireGuard and nftables should have for this peer. */
  wanted(): { endpoint: Endpoint; bridge: Bridge | null; join: Join | null } {
    const endpoint = this.#use.wireguard ?? this.#loopback.address(4);
    const { join } = this.#guess;
    const to = this.#bridge;
    if (!to) return { endpoint, bridge: null, join };
    const relayPort = this.#loopback.address(to.remote.address.includes(":") ? 6 : 4).port;
    // A rung of WireGuard's own that was left: what is still under way there must not make WireGuard roam back either.
    const late = this.#rungs.left(to.remote);
    return { endpoint, bridge: { relayPort, remote: to.remote, local: to.local, late }, join };
  }

  /** Closes its sockets. */
  close(): void {
    this.#host.hub.forget(this);
    this.#guess.close();
    this.#rungs.each((carrier) => carrier.close());
    this.#loopback.close();
  }
}
