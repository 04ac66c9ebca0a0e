/**
 * One session with one gate: QUIC, mutual proofs, control messages and packets (mesh/wire/gate_session.ts).
 * It lives from `connect()` until either side closes it; who wants it back makes a new one.
 *
 * Packets that do not fit the connection's datagram size yet (the first second after connecting, FACTS) are cut in two
 * and joined at the other end; none is lost for its size. The outgoing queue is bounded and drops the oldest.
 */
import { GateLine } from "../../mesh/client/mod.ts";
import {
  FRAME_FIRST,
  FRAME_HEADER,
  FRAME_PACKET,
  FRAME_SECOND,
  frameNodeId,
  type FromGate,
  type FromNode,
  MAX_PACKET,
  nodeIdBytes,
} from "../../mesh/wire/gate_session.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";

/** A connect with everything in it takes at most this long, in ms. */
const CONNECT_TIMEOUT = 5_000;
/** Packets waiting for buffer space; about 0.6 MB. */
const QUEUE = 512;

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
  /** Ledger entries that it hands on, or that it asks for. */
  ledger(message: LedgerMessage): void;
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
  random(n: number): Bytes;
  now(): number;
}

/** An authenticated session with a gate. */
export class GateClient {
  readonly gateId: string;
  readonly observed: string;
  /** The gate's address that the session goes to. */
  readonly address: string;
  /** Last round trip of the control stream in ms. */
  rttMs: number | null = null;
  readonly #line: GateLine;
  readonly #now: () => number;
  #events: GateEvents | null = null;
  #closed = false;
  #queue: Uint8Array[] = [];
  #pumping = false;
  #serial = 0;
  #halves = new Map<string, Uint8Array>();
  #pings = new Map<number, number>();
  #pingSerial = 0;

  private constructor(o: { gateId: string; observed: string; now: () => number }, line: GateLine) {
    this.gateId = o.gateId;
    this.observed = o.observed;
    this.address = line.conn.remoteAddr.hostname.replace(/^::ffff:(?=[\d.]+$)/i, "");
    this.#line = line;
    this.#now = o.now;
  }

  /**
   * Connects, checks the gate's proof and proves this node.
   * @throws GhostError `unreachable`, `timeout`, `unauthorized` (the gate is not who its record says), or the gate's refusal
   */
  static async connect(o: GateConnectOptions, events: GateEvents): Promise<GateClient> {
    return await GateLine.open({ ...o, timeout: CONNECT_TIMEOUT }, async (line) => {
      await line.send({ t: "auth", record: o.record, proof: line.proof, head: o.head });
      const { observed, head } = await line.expect("welcome");
      const client = new GateClient({ gateId: o.gate.id, observed, now: o.now }, line);
      client.#start(events, head);
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
      while (true) this.#datagram(await line.conn.readDatagram());
    };
    // It rejects when nobody said goodbye: the gate forgot the connection (a reset) or went silent.
    const closed = line.conn.closed.then(
      (info) => info.reason || `closed with code ${info.closeCode}`,
      (error) => String(error?.message ?? error),
    );
    // Whichever fails first when the connection ends: why it did is what the gate said last.
    const why = (error: unknown) =>
      Promise.race([
        closed,
        new Promise<string>((resolve) => setTimeout(() => resolve(String((error as Error)?.message ?? error)), 100)),
      ]);
    Promise.race([readControl(), readDatagrams(), closed]).catch(why)
      .then((reason) => this.#end(reason));
    this.ping();
  }

  #control(message: FromGate): void {
    const events = this.#events!;
    switch (message.t) {
      case "signal":
        return events.signal(message.from, message.box);
      case "presence":
        return events.presence(message.node, message.up);
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
        return events.ledger(message);
      case "ping":
        return this.send({ t: "pong", n: message.n });
      case "pong": {
        const sent = this.#pings.get(message.n);
        if (sent !== undefined) this.rttMs = this.#now() - sent;
        this.#pings.clear();
        return;
      }
    }
  }

  /** Sends a control message; a session that is over swallows it, as the wire would. */
  send(message: FromNode): void {
    if (this.#closed) return;
    this.#line.send(message).catch((error) => this.#end(String(error?.message ?? error)));
  }

  /** Measures the round trip. */
  ping(): void {
    const n = ++this.#pingSerial;
    this.#pings.set(n, this.#now());
    this.send({ t: "ping", n });
  }

  /** Sends a packet to a node that has a session with the same gate. */
  sendPacket(to: string, packet: Uint8Array): void {
    if (this.#closed || packet.length > MAX_PACKET) return;
    const id = nodeIdBytes(to);
    const max = this.#line.conn.maxDatagramSize;
    if (packet.length + FRAME_HEADER <= max) {
      this.#enqueue(frame(FRAME_PACKET, id, packet));
    } else {
      const serial = this.#serial = (this.#serial + 1) & 0xffff;
      const half = packet.length >> 1;
      this.#enqueue(frame(FRAME_FIRST, id, packet.subarray(0, half), serial));
      this.#enqueue(frame(FRAME_SECOND, id, packet.subarray(half), serial));
    }
  }

  #enqueue(bytes: Uint8Array): void {
    if (this.#queue.length >= QUEUE) this.#queue.shift();
    this.#queue.push(bytes);
    if (!this.#pumping) this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      for (let next = this.#queue.shift(); next && !this.#closed; next = this.#queue.shift()) {
        await this.#line.conn.sendDatagram(next).catch((error) => {
          // The path's size can shrink between the check and the send: that packet is lost as on any network.
          if (!/too large/i.test(String(error))) this.#end(String(error?.message ?? error));
        });
      }
    } finally {
      this.#pumping = false;
    }
  }

  #datagram(bytes: Uint8Array): void {
    if (bytes.length < FRAME_HEADER) return;
    const from = frameNodeId(bytes);
    if (bytes[0] === FRAME_PACKET) return this.#events!.packet(from, bytes.subarray(FRAME_HEADER));
    if ((bytes[0] !== FRAME_FIRST && bytes[0] !== FRAME_SECOND) || bytes.length < FRAME_HEADER + 2) return;
    const serial = (bytes[FRAME_HEADER]! << 8) | bytes[FRAME_HEADER + 1]!;
    const body = bytes.subarray(FRAME_HEADER + 2);
    const other = `${from}/${serial}/${bytes[0] === FRAME_FIRST ? FRAME_SECOND : FRAME_FIRST}`;
    const found = this.#halves.get(other);
    if (!found) {
      if (this.#halves.size >= 64) this.#halves.delete(this.#halves.keys().next().value!);
      this.#halves.set(`${from}/${serial}/${bytes[0]}`, body);
      return;
    }
    this.#halves.delete(other);
    const [first, second] = bytes[0] === FRAME_FIRST ? [body, found] : [found, body];
    const whole = new Uint8Array(first.length + second.length);
    whole.set(first);
    whole.set(second, first.length);
    this.#events!.packet(from, whole);
  }

  /** Ends the session from this side; `closed` of the events is still called. */
  close(reason = "closed here"): void {
    this.#end(reason);
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

function frame(type: number, id: Uint8Array, body: Uint8Array, serial?: number): Uint8Array {
  const head = FRAME_HEADER + (serial === undefined ? 0 : 2);
  const out = new Uint8Array(head + body.length);
  out[0] = type;
  out.set(id, 1);
  if (serial !== undefined) {
    out[FRAME_HEADER] = serial >> 8;
    out[FRAME_HEADER + 1] = serial & 0xff;
  }
  out.set(body, head);
  return out;
}
