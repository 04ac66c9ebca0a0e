/**
 * Which gates this node has sessions with: its home (the first that answered when it had none) and the homes of its peers,
 * so that every peer can be met. A session that ends is made again with growing waits; a gate that is no longer in the view
 * is left at once.
 */
import ipaddr from "ipaddr.js";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { type FromGate, type FromNode, GATE_REPLACED } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { sleep } from "./follow.ts";
import { GateClient } from "./gate_client.ts";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 8_000;
/** A session that lasted less than this, in ms, before another one of this very identity took its place, was no restart. */
const SHORT = 60_000;
/** As often as that in a row: somewhere else a daemon runs with a copy of our identity. Then both go easy, in ms. */
const CLONED = 3;
const CLONED_WAIT = 60_000;
/** Nodes that a gate can be asked to watch in one message (mesh/wire/gate_session.ts). */
const MAX_WATCHED = 2_000;
/** Sessions are pinged this often, in ms; it also measures their round trip. */
const PING_EVERY = 15_000;

/** What the sessions tell the daemon. */
export interface GatesHost {
  net: string;
  /** False: no sessions at all. */
  quic: boolean;
  key: SigningKey;
  record(): string;
  head(): LedgerHead;
  random(n: number): Bytes;
  now(): number;
  /** A session came up or ended; `reason` says why it ended or could not be made. */
  session(gate: string, up: boolean, reason: string | null): void;
  signal(from: string, box: string): void;
  presence(gate: string, node: string, up: boolean): void;
  packet(from: string, packet: Uint8Array): void;
  headSeen(gate: string, head: LedgerHead): void;
  ledger(gate: string, message: LedgerMessage): void;
  /** Credentials of a gate's TURN service. */
  turn(gate: string, credentials: TurnGrantedCredentials): void;
  /** A gate's word about a path to `node`. */
  about(gate: string, node: string, message: FromGate): void;
}

interface Kept {
  gate: VerifiedGate;
  client: GateClient | null;
  abort: AbortController;
  present: Set<string>;
}

/** The node's gate sessions. */
export class Gates {
  readonly #host: GatesHost;
  readonly #kept = new Map<string, Kept>();
  #watched: ReadonlySet<string> = new Set();
  #home: string | null = null;
  /** How often in a row a session was soon replaced by another one of this identity. */
  #replaced = 0;
  readonly #pinger: ReturnType<typeof setInterval>;

  constructor(host: GatesHost) {
    this.#host = host;
    this.#pinger = setInterval(() => {
      for (const kept of this.#kept.values()) kept.client?.ping();
    }, PING_EVERY);
  }

  /** Id of the gate where others find this node, or null before the first session. */
  get home(): string | null {
    return this.#home;
  }

  /** True when another daemon seems to run with this identity. */
  get cloned(): boolean {
    return this.#replaced >= CLONED;
  }

  /** Wants sessions with exactly these gates. */
  want(gates: VerifiedGate[]): void {
    const wanted = new Map(gates.map((g) => [g.id, g]));
    for (const [id, kept] of [...this.#kept]) {
      const gate = wanted.get(id);
      // A gate that moved, or that has a new certificate, is dialled again; the session that works is left alone otherwise.
      const moved = gate && (gate.record.cert !== kept.gate.record.cert || gate.record.quic !== kept.gate.record.quic);
      if (!gate || moved) this.#leave(id, gate ? "the gate's record changed" : "the gate is gone");
      else kept.gate = gate;
    }
    for (const [id, gate] of wanted) {
      if (this.#kept.has(id)) continue;
      const kept: Kept = { gate, client: null, abort: new AbortController(), present: new Set() };
      this.#kept.set(id, kept);
      void this.#keep(kept);
    }
  }

  #leave(id: string, reason: string): void {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#kept.delete(id);
    kept.abort.abort();
    kept.client?.close(reason);
    if (this.#home === id) this.#home = null;
  }

  async #keep(kept: Kept): Promise<void> {
    if (!this.#host.quic || kept.gate.record.quic === undefined) return;
    let wait = FIRST_WAIT;
    while (!kept.abort.signal.aborted) {
      const ended = Promise.withResolvers<string>();
      const client = await this.#connect(kept, ended.resolve);
      if (client && !kept.abort.signal.aborted) {
        wait = FIRST_WAIT;
        const since = this.#host.now();
        kept.client = client;
        this.#home ??= client.gateId;
        client.send({ t: "watch", nodes: [...this.#watched] });
        this.#host.session(kept.gate.id, true, null);
        const reason = await ended.promise;
        const short = this.#host.now() - since < SHORT;
        if (short && reason.includes(GATE_REPLACED)) this.#replaced++;
        else if (!short) this.#replaced = 0;
        if (this.cloned && reason.includes(GATE_REPLACED)) wait = CLONED_WAIT;
        kept.client = null;
        for (const node of kept.present) this.#host.presence(kept.gate.id, node, false);
        kept.present.clear();
        this.#host.session(kept.gate.id, false, reason);
      } else client?.close();
      await sleep(wait * (0.75 + this.#host.random(1)[0]! / 512), kept.abort.signal);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  async #connect(kept: Kept, ended: (reason: string) => void): Promise<GateClient | null> {
    for (const host of kept.gate.record.hosts) {
      if (kept.abort.signal.aborted) return null;
      try {
        return await GateClient.connect({
          gate: kept.gate,
          host,
          net: this.#host.net,
          key: this.#host.key,
          record: this.#host.record(),
          head: this.#host.head(),
          random: (n) => this.#host.random(n),
          now: () => this.#host.now(),
        }, {
          signal: (from, box) => this.#host.signal(from, box),
          presence: (node, up) => {
            if (!this.#watched.has(node)) return; // not asked for, or no longer
            if (up) kept.present.add(node);
            else kept.present.delete(node);
            this.#host.presence(kept.gate.id, node, up);
          },
          packet: (from, packet) => this.#host.packet(from, packet),
          head: (head) => this.#host.headSeen(kept.gate.id, head),
          ledger: (message) => this.#host.ledger(kept.gate.id, message),
          turn: (credentials) => this.#host.turn(kept.gate.id, credentials),
          about: (node, message) => this.#host.about(kept.gate.id, node, message),
          closed: ended,
        });
      } catch (error) {
        this.#host.session(kept.gate.id, false, errorLine(error));
      }
    }
    return null;
  }

  /** Asks all gates to tell whether these nodes are there; of too many only the first ones. */
  watch(all: string[]): void {
    const nodes = all.slice(0, MAX_WATCHED);
    if (nodes.length === this.#watched.size && nodes.every((n) => this.#watched.has(n))) return;
    this.#watched = new Set(nodes);
    for (const kept of this.#kept.values()) {
      for (const node of kept.present) if (!this.#watched.has(node)) kept.present.delete(node);
      kept.client?.send({ t: "watch", nodes });
    }
  }

  /** Shows all gates a newer record of this node. */
  announce(record: string): void {
    for (const kept of this.#kept.values()) kept.client?.send({ t: "record", record });
  }

  /** Ids of the gates with a session. */
  get connected(): string[] {
    return [...this.#kept].filter(([, kept]) => kept.client !== null).map(([id]) => id);
  }

  /** Tells one gate something about the ledger. */
  tell(gate: string, message: LedgerMessage | { t: "head"; head: LedgerHead }): void {
    this.#kept.get(gate)?.client?.send(message);
  }

  /** A session over which `node` can be reached now. */
  towards(node: string): GateClient | null {
    for (const kept of this.#kept.values()) if (kept.client && kept.present.has(node)) return kept.client;
    return null;
  }

  /** Sends a control message to a gate; without a session it is lost. */
  send(gate: string, message: FromNode): void {
    this.#kept.get(gate)?.client?.send(message);
  }

  /** True when there is a session with this gate. */
  has(gate: string): boolean {
    return Boolean(this.#kept.get(gate)?.client);
  }

  /** The name of a gate, or its id when it is no longer known. */
  nameOf(gate: string): string {
    return this.#kept.get(gate)?.gate.record.name ?? gate;
  }

  /** Addresses of a gate, one a family: the one that its session uses first. Host names count as the session has resolved them. */
  addressesOf(gate: string): string[] {
    const kept = this.#kept.get(gate);
    const found = new Map<boolean, string>();
    for (const host of [kept?.client?.address ?? "", ...(kept?.gate.record.hosts ?? [])]) {
      if (ipaddr.isValid(host) && !found.has(host.includes(":"))) found.set(host.includes(":"), host);
    }
    return [...found.values()];
  }

  /** State of every gate that is wanted. */
  list(): { gate: VerifiedGate; connected: boolean; rttMs: number | null }[] {
    return [...this.#kept.values()].map((k) => ({
      gate: k.gate,
      connected: k.client !== null,
      rttMs: k.client?.rttMs ?? null,
    }));
  }

  /** Ends all sessions. */
  close(): void {
    clearInterval(this.#pinger);
    for (const id of [...this.#kept.keys()]) this.#leave(id, "the daemon stops");
  }
}
