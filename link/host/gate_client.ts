/**
 * One session with one gate: QUIC, mutual proofs, control messages and packets (mesh/wire/gate_session.ts).
 * It lives from `connect()` until either side closes it; who wants it back makes a new one.
 *
 * Packets that do not fit the connection's datagram size yet (the first second after connecting, FACTS) are cut in two
 * and joined at the other end; none is lost for its size. The outgoing queue is bounded and drops the oldest.
 */
import {
  ControlReader,
  encodeControl,
  FRAME_FIRST,
  FRAME_HEADER,
  FRAME_PACKET,
  FRAME_SECOND,
  frameNodeId,
  type FromGate,
  fromGate,
  type FromNode,
  GATE_ALPN,
  MAX_PACKET,
  nodeIdBytes,
  type SessionClaims,
} from "../../mesh/wire/gate_session.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { fromBase64Url, toBase64Url } from "../../mesh/wire/encoding.ts";
import { type ErrorCode, GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { signSession, verifySession } from "../../mesh/trust/session.ts";

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

/** The types of Deno do not show this member yet; its source honours it (FACTS). */
type PinnedQuicOptions = Deno.ConnectQuicOptions<false> & {
  serverCertificateHashes: { algorithm: "sha-256"; value: Uint8Array }[];
};

/** An authenticated session with a gate. */
export class GateClient {
  readonly gateId: string;
  readonly observed: string;
  /** The gate's address that the session goes to. */
  readonly address: string;
  /** Last round trip of the control stream in ms. */
  rttMs: number | null = null;
  readonly #conn: Deno.QuicConn;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #now: () => number;
  #events: GateEvents | null = null;
  #closed = false;
  #queue: Uint8Array[] = [];
  #pumping = false;
  #serial = 0;
  #halves = new Map<string, Uint8Array>();
  #pings = new Map<number, number>();
  #pingSerial = 0;

  private constructor(
    o: { gateId: string; observed: string; conn: Deno.QuicConn; endpoint: Deno.QuicEndpoint; now: () => number },
    writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
  ) {
    this.gateId = o.gateId;
    this.observed = o.observed;
    this.address = o.conn.remoteAddr.hostname.replace(/^::ffff:(?=[\d.]+$)/i, "");
    this.#conn = o.conn;
    this.#endpoint = o.endpoint;
    this.#writer = writer;
    this.#now = o.now;
  }

  /**
   * Connects, checks the gate's proof and proves this node.
   * @throws GhostError `unreachable`, `timeout`, `unauthorized` (the gate is not who its record says), or the gate's refusal
   */
  static async connect(o: GateConnectOptions, events: GateEvents): Promise<GateClient> {
    const endpoint = new Deno.QuicEndpoint({ hostname: o.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new GhostError("timeout", "The gate does not answer", { place: `gate ${o.gate.record.name}` })),
        CONNECT_TIMEOUT,
      );
    });
    try {
      return await Promise.race([GateClient.#handshake(endpoint, o, events), timeout]);
    } catch (error) {
      endpoint.close({ closeCode: 1, reason: "" });
      if (error instanceof GhostError) throw error;
      throw new GhostError("unreachable", "Cannot reach the gate", {
        place: `gate ${o.gate.record.name} at ${o.host} UDP ${o.gate.record.quic}`,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  static async #handshake(endpoint: Deno.QuicEndpoint, o: GateConnectOptions, events: GateEvents): Promise<GateClient> {
    const record = o.gate.record;
    const options: PinnedQuicOptions = {
      hostname: o.host,
      port: record.quic,
      serverName: "ghostgate",
      alpnProtocols: [GATE_ALPN],
      serverCertificateHashes: [{ algorithm: "sha-256", value: fromBase64Url(record.cert) }],
      congestionControl: "low-latency",
      keepAliveInterval: 3_000,
      maxIdleTimeout: 10_000,
      endpoint,
    };
    const conn = await Deno.connectQuic(options);
    const stream = await conn.createBidirectionalStream();
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    const control = new ControlReader(fromGate);
    const pending: FromGate[] = [];
    const next = async (): Promise<FromGate> => {
      while (pending.length === 0) {
        const { value, done } = await reader.read();
        if (done) throw new GhostError("unreachable", "The gate closed the session", { place: `gate ${record.name}` });
        pending.push(...control.push(value));
      }
      return pending.shift()!;
    };
    const nonce = toBase64Url(o.random(32));
    await writer.write(encodeControl({ t: "hello", net: o.net, key: o.key.public, nonce }));
    const challenge = await next();
    if (challenge.t === "refused") throw refusal(challenge, record.name);
    if (challenge.t !== "challenge") throw unexpected(challenge.t, record.name);
    const claims = (role: SessionClaims["role"]): SessionClaims => ({
      role,
      net: o.net,
      gate: o.gate.key,
      node: o.key.public,
      cert: record.cert,
      nonces: [nonce, challenge.nonce],
    });
    await verifySession(challenge.proof, claims("gate"), o.gate.key);
    const proof = await signSession(claims("node"), o.key);
    await writer.write(encodeControl({ t: "auth", record: o.record, proof, head: o.head }));
    const welcome = await next();
    if (welcome.t === "refused") throw refusal(welcome, record.name);
    if (welcome.t !== "welcome") throw unexpected(welcome.t, record.name);
    const client = new GateClient(
      { gateId: o.gate.id, observed: welcome.observed, conn, endpoint, now: o.now },
      writer,
    );
    client.#start(events, { control, reader, pending, head: welcome.head });
    return client;
  }

  #start(
    events: GateEvents,
    o: {
      control: ControlReader<FromGate>;
      reader: ReadableStreamDefaultReader<Uint8Array>;
      pending: FromGate[];
      head: LedgerHead;
    },
  ): void {
    this.#events = events;
    events.head(o.head);
    const readControl = async () => {
      for (const message of o.pending.splice(0)) this.#control(message);
      while (true) {
        const { value, done } = await o.reader.read();
        if (done) return "the gate ended the session";
        for (const message of o.control.push(value)) this.#control(message);
      }
    };
    const readDatagrams = async (): Promise<string> => {
      while (true) this.#datagram(await this.#conn.readDatagram());
    };
    const closed = this.#conn.closed.then((info) => info.reason || `closed with code ${info.closeCode}`);
    Promise.race([readControl(), readDatagrams(), closed]).catch((error) => String(error?.message ?? error))
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
    this.#writer.write(encodeControl(message)).catch((error) => this.#end(String(error?.message ?? error)));
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
    const max = this.#conn.maxDatagramSize;
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
        await this.#conn.sendDatagram(next).catch((error) => {
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
    try {
      this.#conn.close({ closeCode: 0, reason: "" });
      this.#endpoint.close({ closeCode: 0, reason: "" });
    } catch { /* already gone */ }
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

function refusal(message: { code: string; message: string }, gate: string): GhostError {
  return new GhostError(message.code as ErrorCode, message.message, { place: `gate ${gate}` });
}

function unexpected(type: string, gate: string): GhostError {
  return new GhostError("bad_input", `Unexpected message "${type}"`, { place: `gate ${gate}` });
}
