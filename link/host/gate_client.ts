/**
 * One session with one gate: QUIC, mutual proofs, control messages and packets (mesh/wire/gate_session.ts).
 * It lives from `connect()` until either side closes it; who wants it back makes a new one.
 * The outgoing queue of packets is bounded and drops the oldest.
 */
import { Turns } from "../../mesh/host/turns.ts";
import { GateLine, type TicketBook } from "../../mesh/client/mod.ts";
import { EARLY_WATCH, type FromGate, type FromNode } from "../../mesh/wire/gate_session.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { FrameReader, FrameWriter } from "../core/relay/frames.ts";
import { guarded, type HandlerFault } from "./guarded.ts";

/** A connect with everything in it takes at most this long, in ms. */
const CONNECT_TIMEOUT = 5_000;
/** Packets waiting for buffer space; about 0.6 MB. */
const QUEUE = 512;
/** Questions whose answers are waited for. */
const MAX_PINGS = 64;

/** What the owner of a session hears. */
export interface GateEvents {
  signal(from: string, box: string): void;
  presence(node: string, up: boolean): void;
  packet(from: string, packet: Uint8Array): void;
  head(head: LedgerHead): void;
  /** Something about a path to `node`. */
  about(node: string, message: FromGate): void;
  /** Credentials of its TURN service. */
  turn(credentials: TurnGrantedCredentials): void;
  /** A round trip of the control stream, in ms. */
  measured(rttMs: number): void;
  /** The gate is about to stop. */
  leaving(): void;
  /** Ledger entries that it hands on, or that it asks for. */
  ledger(message: LedgerMessage): void | Promise<void>;
  /** The session is over; called once, never before `connect()` returned. */
  closed(reason: string): void;
}

/** Who connects, to whom. */
export interface GateConnectOptions {
  gate: VerifiedGate;
  /** Which of the gate's hosts to dial. */
  host: string;
  net: string;
  key: SigningKey;
  /** This node's newest record. */
  record: string;
  head: LedgerHead;
  /** Nodes of whom the gate is to tell along with the session whether they are there; asked for when the gate has proved itself. */
  watch?(): ReadonlySet<string>;
  random(n: number): Bytes;
  now(): number;
  /** Tickets of before. */
  tickets?: TicketBook;
  /** A handler of the events threw: that session goes on. */
  failed(fault: HandlerFault): void;
  /** Gives the connect up. */
  signal?: AbortSignal;
  /** The gate has proved itself: resolves when it is to be asked for the session, as gates end a node's session before for a new one. */
  turn?(): Promise<void>;
}

/** An authenticated session with a gate. */
export class GateClient {
  readonly gateId: string;
  readonly observed: string;
  /** Whether the gate gives lanes. */
  readonly lanes: boolean;
  /** The gate's address that the session goes to. */
  readonly address: string;
  /** Last round trip of the control stream in ms. */
  rttMs: number | null = null;
  /** When anything came from the gate last, in ms since 1970. */
  heardAt: number;
  readonly #line: GateLine;
  readonly #now: () => number;
  #events: GateEvents | null = null;
  /** What the gate watches. */
  #watched: ReadonlySet<string> | undefined;
  /** What it has told of that before the session's owner was there to hear it. */
  #early: (FromGate & { t: "presence" })[] | null = null;
  #closed = false;
  #queue: Uint8Array[] = [];
  #pumping = false;
  readonly #writer = new FrameWriter();
  readonly #reader = new FrameReader();
  #pings = new Map<number, number>();
  #pingSerial = 0;

  private constructor(o: { gateId: string; observed: string; lanes: boolean; now: () => number }, line: GateLine) {
    this.gateId = o.gateId;
    this.observed = o.observed;
    this.lanes = o.lanes;
    this.address = line.conn.remoteAddr.hostname.replace(/^::ffff:(?=[\d.]+$)/i, "");
    this.#line = line;
    this.#now = o.now;
    this.heardAt = o.now();
  }

  /**
   * Connects, checks the gate's proof and proves this node.
   * @throws GhostError `unreachable`, `timeout`, `unauthorized` (the gate is not who its record says), or the gate's refusal
   */
  static async connect(o: GateConnectOptions, events: GateEvents): Promise<GateClient> {
    return await GateLine.open({ ...o, timeout: CONNECT_TIMEOUT }, async (line) => {
      await o.turn?.();
      await line.send({ t: "auth", record: o.record, proof: line.proof, head: o.head });
      const watched = o.watch?.();
      const early = watched && watched.size <= EARLY_WATCH ? watched : undefined;
      if (early) await line.send({ t: "watch", nodes: [...early] });
      const { observed, lanes, head } = await line.expect("welcome");
      const client = new GateClient({ gateId: o.gate.id, observed, lanes, now: o.now }, line);
      client.#watched = early;
      if (early) client.#early = [];
      client.#start(guarded(events, o), head);
      return client;
    });
  }

  #start(events: GateEvents, head: LedgerHead): void {
    this.#events = events;
    events.head(head);
    const line = this.#line;
    const readControl = async (): Promise<string> => {
      while (true) this.#control(await line.receive());
    };
    const readDatagrams = async (): Promise<string> => {
      const turns = new Turns();
      while (true) {
        const datagram = await line.conn.readDatagram();
        this.heardAt = this.#now();
        const got = this.#reader.read(datagram);
        if (got) events.packet(got.from, got.packet);
        const turn = turns.next();
        if (turn) await turn;
      }
    };
    Promise.race([readControl(), readDatagrams(), line.gone]).then((reason) => this.#end(reason))
      .catch((error) => this.#broken(error));
    this.ping();
  }

  #control(message: FromGate): void {
    const events = this.#events!;
    this.heardAt = this.#now();
    switch (message.t) {
      case "signal":
        return events.signal(message.from, message.box);
      case "presence":
        return this.#early ? void this.#early.push(message) : events.presence(message.node, message.up);
      case "head":
        return events.head(message.head);
      case "lane":
      case "lane-ready":
      case "lane-ended":
        return events.about(message.node, message);
      case "turn":
        return events.turn(message);
      case "entries":
      case "want":
      case "piece":
        return void events.ledger(message);
      case "ping":
        return this.send({ t: "pong", n: message.n });
      case "pong": {
        const sent = this.#pings.get(message.n);
        this.#pings.clear();
        if (sent === undefined) return;
        this.rttMs = this.heardAt - sent;
        return events.measured(this.rttMs);
      }
      case "bye":
        return events.leaving();
    }
  }

  /** Sends a control message; a session that is over swallows it, as the wire would. */
  send(message: FromNode): void {
    if (this.#closed) return;
    this.#line.send(message).catch((error) => this.#broken(error));
  }

  /** Asks it to tell from now on whether these nodes are there; a set that it has been asked for is not asked for again. */
  watch(nodes: ReadonlySet<string>): void {
    const early = this.#early ?? [];
    this.#early = null;
    if (nodes !== this.#watched) {
      this.#watched = nodes;
      this.send({ t: "watch", nodes: [...nodes] });
    } else for (const { node, up } of early) this.#events?.presence(node, up);
  }

  /** Measures the round trip. */
  ping(): void {
    const n = ++this.#pingSerial;
    if (this.#pings.size >= MAX_PINGS) this.#pings.delete(this.#pings.keys().next().value!);
    this.#pings.set(n, this.#now());
    this.send({ t: "ping", n });
  }

  /** Sends a packet to a node that has a session with the same gate. */
  sendPacket(to: string, packet: Uint8Array): void {
    if (this.#closed) return;
    this.#writer.write(to, { packet, max: this.#line.conn.maxDatagramSize }, this.#enqueue);
  }

  readonly #enqueue = (frame: Uint8Array): void => {
    if (this.#queue.length >= QUEUE) this.#queue.shift();
    this.#queue.push(frame);
    if (!this.#pumping) this.#pump();
  };

  async #pump(): Promise<void> {
    this.#pumping = true;
    const { conn } = this.#line;
    for (let next = this.#queue.shift(); next && !this.#closed; next = this.#queue.shift()) {
      try {
        await conn.sendDatagram(next);
      } catch (error) {
        // The path's size can shrink between the check and the send: that packet is lost as on any network.
        if (/too large/i.test(String(error))) continue;
        await this.#broken(error);
      }
    }
    this.#pumping = false;
  }

  /** Ends the session from this side; `closed` of the events is still called. */
  close(reason = "closed here"): void {
    this.#end(reason);
  }

  /** Reading or writing failed, as it does first when the connection ends: why it did is what the gate said last. */
  async #broken(error: unknown): Promise<void> {
    this.#end(await this.#line.why(error));
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#line.close();
    // Never inside connect(): its caller does not hold the session yet.
    queueMicrotask(() => this.#events?.closed(reason));
  }
}
