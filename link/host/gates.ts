/**
 * This node's gate sessions: which there are and which is the home (core/gates/homing.ts decides), and over which of them
 * each peer is met (core/gates/meeting.ts). A gate that is no longer in the view is left at once.
 */
import { TicketBook } from "../../mesh/client/mod.ts";
import type { FromNode } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { type HomeWhy, Homing, type HomingEvent, type MeetWord } from "../core/gates/mod.ts";
import { DeadlineTimer } from "./coalesced.ts";
import type { GateClient } from "./gate_client.ts";
import { CloneWatch, GateKeeper, type KeeperHost } from "./gate_keeper.ts";
import { GateMeasures } from "./gate_measures.ts";
import { GatePairs } from "./gate_pairs.ts";
import { firstOfFamilies } from "./gate_ways.ts";
import { byUse, type GateRow, type GatesHost } from "./gates_host.ts";

/** Nodes that a gate can be asked to watch in one message (mesh/wire/gate_session.ts). */
const MAX_WATCHED = 2_000;
/** Sessions are pinged this often, in ms; it also measures their round trip. */
const PING_EVERY = 15_000;

/** The node's gate sessions. */
export class Gates {
  readonly #host: GatesHost;
  readonly #homing: Homing;
  readonly #keepers = new Map<string, GateKeeper>();
  #known: ReadonlyMap<string, VerifiedGate> = new Map();
  readonly #pairs: GatePairs;
  readonly #clones = new CloneWatch();
  /** What proves this machine's address to gates. */
  readonly #tickets = new TicketBook();
  #watched: ReadonlySet<string> = new Set();
  readonly #pinger: ReturnType<typeof setInterval>;
  readonly #timer = new DeadlineTimer(() => [
    this.#homing.nextDeadline(),
    ...[...this.#keepers.values()].map((keeper) => keeper.nextDeadline()),
  ], () => this.#tick());
  readonly #measures: GateMeasures;
  #closed = false;

  constructor(host: GatesHost) {
    this.#host = host;
    this.#homing = new Homing({ saved: host.saved });
    this.#pairs = new GatePairs({
      selfId: host.selfId,
      keepers: this.#keepers,
      now: host.now,
      rttOf: (id) => this.#homing.rttOf(id),
      isGood: (id) => this.#homing.isGood(id),
      isHeld: (id) => this.#homing.isHeld(id),
      homesOf: (node) => host.homesOf(node),
      met: (node) => host.met(node),
      tell: (node, word) => host.tellPeer(node, word),
      needs: (gates) => this.#event({ kind: "needed", gates }),
    });
    this.#measures = new GateMeasures({
      gate: (id) => this.#known.get(id),
      measure: (gates, measured) => host.measure(gates, measured, this.#tickets),
      measured: (gate, rttMs) => this.#event({ kind: "measured", gate, rttMs }),
      done: () => this.#pairs.changed(),
    });
    this.#pinger = setInterval(() => {
      for (const keeper of this.#keepers.values()) keeper.client?.ping();
    }, PING_EVERY);
  }

  /** Id of the gate where others find this node, or null before the first session. */
  get home(): string | null {
    return this.#homing.home;
  }

  /** Why the home is where it is; null without one. */
  get why(): HomeWhy | null {
    return this.#homing.why();
  }

  /** True when another daemon seems to run with this identity. */
  get cloned(): boolean {
    return this.#clones.cloned;
  }

  /** These are all gates that may be used. */
  want(gates: VerifiedGate[]): void {
    this.#known = new Map(gates.map((g) => [g.id, g]));
    for (const [id, keeper] of [...this.#keepers]) {
      const gate = this.#known.get(id);
      // A gate that moved, or that has a new certificate, is dialled again; the session that works is left alone otherwise.
      const { cert, quic } = keeper.gate.record;
      if (!gate || gate.record.cert !== cert || gate.record.quic !== quic) {
        this.#leave(id, gate ? "the gate's record changed" : "the gate is gone");
        if (gate) this.#keep(gate);
      } else keeper.gate = gate;
    }
    const gatesOf = this.dialled.map((id) => ({ id, draining: this.#known.get(id)!.draining }));
    this.#event({ kind: "gates", gates: gatesOf });
    this.#pairs.changed();
  }

  /** This machine is on another network: what was measured says nothing any more. */
  networkChanged(): void {
    this.#measures.networkChanged();
    this.#tickets.clear();
    for (const keeper of this.#keepers.values()) keeper.hurry();
    this.#event({ kind: "networkChanged" });
  }

  #event(event: HomingEvent): void {
    if (this.#closed) return;
    for (const action of this.#homing.handle(event, this.#host.now())) {
      if (action.kind === "keep") this.#keepOnly(action.gates);
      else if (action.kind === "measure") void this.#measures.ask(action.gates);
      else if (action.kind === "held") this.#pairs.changed();
      else if (action.home !== null) this.#host.home([action.home, action.standby].filter((id) => id !== null));
    }
    this.#timer.arm();
  }

  #keepOnly(gates: readonly string[]): void {
    for (const id of [...this.#keepers.keys()]) if (!gates.includes(id)) this.#leave(id, "another gate is used");
    for (const id of gates) if (!this.#keepers.has(id) && this.#known.has(id)) this.#keep(this.#known.get(id)!);
  }

  #keep(gate: VerifiedGate): void {
    this.#keepers.set(gate.id, new GateKeeper(gate, this.#keeperHost));
  }

  #leave(id: string, reason: string): void {
    const keeper = this.#keepers.get(id);
    if (!keeper) return;
    this.#keepers.delete(id);
    keeper.leave(reason);
  }

  readonly #keeperHost: KeeperHost = {
    dial: () => ({
      net: this.#host.net,
      key: this.#host.key,
      record: this.#host.record(),
      head: this.#host.head(),
      watch: () => this.#watched,
      tickets: this.#tickets,
      random: this.#keeperHost.random,
      now: this.#keeperHost.now,
    }),
    ways: (gate) => this.#host.ways(gate),
    failed: (keeper, fault) => this.#host.handlerFailed(keeper.id, fault),
    random: (n) => this.#host.random(n),
    now: () => this.#host.now(),
    events: (keeper) => ({
      signal: (from, box) => this.#host.signal(from, box),
      presence: (node, up) => this.#presence(keeper, node, up),
      packet: (from, packet) => {
        this.#pairs.answered(from);
        this.#inUse(keeper, packet);
        this.#host.packet(from, packet);
      },
      head: (head) => this.#host.headSeen(keeper.id, head),
      ledger: (message) => this.#host.ledger(keeper.id, message),
      turn: (credentials) => this.#host.turn(keeper.id, credentials),
      about: (node, message) => this.#host.about(keeper.id, node, message),
      measured: (rttMs) => {
        const before = this.#homing.rttOf(keeper.id);
        this.#event({ kind: "measured", gate: keeper.id, rttMs });
        if (before === null) this.#pairs.changed();
      },
      leaving: () => {
        this.#event({ kind: "leaving", gate: keeper.id });
        this.#pairs.changed();
      },
    }),
    session: (keeper, { up, reason, failed }) => {
      const gone = [...keeper.present];
      keeper.present.clear();
      // One that was replaced by another dial of the same gate says nothing of that.
      const own = this.#keepers.get(keeper.id);
      if (own === keeper || own === undefined) {
        this.#event(up ? { kind: "up", gate: keeper.id } : { kind: "down", gate: keeper.id, failed });
      }
      this.#host.session(keeper.id, { up, reason, failed });
      // Where else they are met is known before anybody is told that they are gone from here.
      for (const node of gone) this.#pairs.changed(node);
      for (const node of gone) this.#host.presence(keeper.id, node, false);
      this.#pairs.changed();
      if (up) keeper.client?.watch(this.#watched);
    },
    silent: (keeper, silent) => {
      this.#event({ kind: "silent", gate: keeper.id, silent });
      this.#pairs.changed();
      // Where there is another one, nobody waits for what may have started anew and knows nothing of this session.
      const { home } = this.#homing;
      if (silent && home !== null && home !== keeper.id && this.#homing.isGood(home)) {
        keeper.client?.close("the gate has gone silent");
      }
    },
    doubted: (keeper, doubted) => {
      if (!doubted) return this.#host.interrupted();
      // What may take its place has been dead or started anew for long, perhaps: nobody has asked.
      for (const other of this.#keepers.values()) if (other !== keeper) other.needed(this.#host.now());
    },
    clones: this.#clones,
  };

  /** Who sends or receives over a session waits for what comes next. */
  #inUse(keeper: GateKeeper, packet: Uint8Array): void {
    if (packet.length > EMPTY && keeper.used(this.#host.now())) this.#timer.arm();
  }

  #presence(keeper: GateKeeper, node: string, up: boolean): void {
    if (!this.#watched.has(node)) return; // not asked for, or no longer
    this.#pairs.seen(keeper, node, up);
    this.#host.presence(keeper.id, node, up);
  }

  #tick(): void {
    const now = this.#host.now();
    for (const keeper of this.#keepers.values()) keeper.tick(now);
    this.#event({ kind: "tick" });
  }

  /** Asks all gates to tell whether these nodes are there; of too many only the first ones. */
  watch(all: string[]): void {
    const nodes = all.slice(0, MAX_WATCHED);
    const same = nodes.length === this.#watched.size && nodes.every((n) => this.#watched.has(n));
    if (same) return this.#pairs.watch(nodes);
    this.#watched = new Set(nodes);
    for (const keeper of this.#keepers.values()) {
      for (const node of keeper.present) if (!this.#watched.has(node)) keeper.present.delete(node);
      keeper.client?.watch(this.#watched);
    }
    this.#pairs.watch(nodes);
  }

  /** Shows all gates a newer record of this node. */
  announce(record: string): void {
    for (const keeper of this.#keepers.values()) keeper.client?.send({ t: "record", record });
  }

  /** Ids of the gates that a session may be asked of. */
  get dialled(): string[] {
    const { quic } = this.#host;
    return [...this.#known.values()].filter(({ record }) => quic && record.quic !== undefined).map(({ id }) => id);
  }

  /** Ids of the gates with a session. */
  get connected(): string[] {
    return [...this.#keepers.values()].filter((keeper) => keeper.client !== null).map(({ id }) => id);
  }

  /** Tells one gate something about the ledger. */
  tell(gate: string, message: LedgerMessage | { t: "head"; head: LedgerHead }): void {
    this.#keepers.get(gate)?.client?.send(message);
  }

  /** The session over which `node` is met now. */
  towards(node: string): GateClient | null {
    return this.#pairs.keeperOf(node)?.client ?? null;
  }

  /** True when the last gate at which `node` was seen has said that it is there no more; false where the session ended instead. */
  hasLeft(node: string): boolean {
    return this.#pairs.hasLeft(node);
  }

  /** The session with this gate, when `node` is there too. */
  at(gate: string, node: string): GateClient | null {
    const keeper = this.#keepers.get(gate);
    return keeper?.present.has(node) ? keeper.client : null;
  }

  /** Sends a WireGuard packet over the session where `node` is met; false when there is none. */
  carry(node: string, packet: Uint8Array): boolean {
    const keeper = this.#pairs.carry(node, packet);
    if (!keeper?.client) return false;
    keeper.client.sendPacket(node, packet);
    this.#inUse(keeper, packet);
    return true;
  }

  /** Something is to go to `node`, over whatever path. */
  demand(node: string): void {
    this.#pairs.demand(node);
  }

  /** The lane with `node` is on this gate, which may come into doubt; or (null) on none. */
  laneAt(node: string, gate: string | null, doubt: (doubted: boolean) => void = () => {}): void {
    for (const keeper of this.#keepers.values()) {
      if (keeper.id === gate) keeper.lanes.set(node, doubt);
      else keeper.lanes.delete(node);
    }
    this.#tick();
    this.#pairs.changed();
  }

  /** A lane on this gate has died: perhaps the gate has. */
  accuse(gate: string): void {
    this.#keepers.get(gate)?.accuse(this.#host.now());
    this.#timer.arm();
  }

  /** A peer's sealed word about the gates. */
  heard(node: string, word: MeetWord): void {
    this.#pairs.heard(node, word);
  }

  /** Sends a control message to a gate; without a session it is lost. */
  send(gate: string, message: FromNode): void {
    this.#keepers.get(gate)?.client?.send(message);
  }

  /** True when there is a session with this gate. */
  has(gate: string): boolean {
    return Boolean(this.#keepers.get(gate)?.client);
  }

  /** The name of a gate, or its id when it is no longer known. */
  nameOf(gate: string): string {
    return this.#known.get(gate)?.name ?? gate;
  }

  /** Addresses of a gate, one a family: the one that its session uses first. Host names count as the session has resolved them. */
  addressesOf(gate: string): string[] {
    const keeper = this.#keepers.get(gate);
    return firstOfFamilies([keeper?.client?.address ?? "", ...(keeper?.gate.record.hosts ?? [])]);
  }

  /** All gates of the network, the home first. */
  list(): GateRow[] {
    const { home, standby } = this.#homing;
    return [...this.#known.values()].map((gate): GateRow => {
      const client = this.#keepers.get(gate.id)?.client ?? null;
      const connected = client !== null;
      const use = gate.id === home ? "home" : gate.id === standby ? "standby" : connected ? "session" : "none";
      return { gate, connected, lanes: client?.lanes ?? false, rttMs: this.#homing.rttOf(gate.id), use };
    }).sort(byUse);
  }

  /** Ends all sessions. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#pinger);
    this.#timer.stop();
    this.#measures.close();
    this.#pairs.close();
    for (const id of [...this.#keepers.keys()]) this.#leave(id, "the daemon stops");
  }
}

/** WireGuard's keepalives are 32 bytes: nobody waits for anything then. */
const EMPTY = 32;
