/**
 * The line to a gate, as nodes and admins open it: QUIC with the certificate pinned by the gate's record, hello, and the gate's
 * proof checked (mesh/wire/gate_session.ts). Who opened it answers with `proof`, as a node (`auth`) or an admin (`hand`).
 */
import { type Bytes, fromBase64Url, toBase64Url } from "../wire/encoding.ts";
import { type ErrorCode, errorLine, GhostError } from "../wire/errors.ts";
import {
  ControlReader,
  encodeControl,
  type FromGate,
  fromGate,
  type FromNode,
  GATE_ALPN,
  type SessionClaims,
} from "../wire/gate_session.ts";
import { GATE_SERVER_NAME, nameOfTicket } from "../wire/gate_ticket.ts";
import type { SigningKey } from "../trust/keys.ts";
import type { VerifiedGate } from "../trust/record.ts";
import { signSession, verifySession } from "../trust/session.ts";
import { Endpoints } from "./gate_endpoints.ts";
import { askTicket, type TicketBook } from "./gate_tickets.ts";

/** Who opens a line, to whom. */
export interface GateDial {
  gate: VerifiedGate;
  /** Which of the gate's hosts to dial. */
  host: string;
  net: string;
  key: SigningKey;
  random(n: number): Bytes;
  /** Opening and answering take at most this long, in ms. */
  timeout: number;
  /** Tickets of before; one that holds saves a question. */
  tickets?: TicketBook;
  /** Gives it up. */
  signal?: AbortSignal;
}

/** Bytes read at once. A read that waits holds its buffer, and Deno's own takes 64 KiB. */
const CHUNK = 2_048;

/** A connection that ends tells why within so long, in ms, or not at all. */
const REASON_PATIENCE = 100;

/** What QUIC says when the other end closes before the handshake: a gate does to whoever shows no ticket that holds. */
const TURNED_AWAY = /during the handshake/;

/** The types of Deno do not show this member yet; its source honours it. */
type PinnedQuicOptions = Deno.ConnectQuicOptions<false> & {
  serverCertificateHashes: { algorithm: "sha-256"; value: Uint8Array }[];
};

/** The sockets of all lines of this process, but those that leave from a port of their own. */
const ENDPOINTS = new Endpoints({
  make: (hostname) => new Deno.QuicEndpoint({ hostname, port: 0 }),
  now: () => performance.now(),
});

/** Where a dial leaves from. */
interface Socket {
  endpoint: Deno.QuicEndpoint;
  /** Not needed any more; what is still under way there counts for nobody. */
  end(): void;
}

/** A line whose other end has proved to be the gate of the record. */
export class GateLine {
  readonly conn: Deno.QuicConn;
  /** Proves to the gate who we are; to be sent as `auth` or `hand`. */
  proof = "";
  /** Why the connection ended, once it has: what the gate said, or what QUIC says of it. */
  readonly gone: Promise<string>;
  readonly #socket: Socket;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamBYOBReader;
  /** Where the next read goes. */
  #chunk = new ArrayBuffer(CHUNK);
  readonly #control: ControlReader<FromGate> = new ControlReader(fromGate);
  readonly #pending: FromGate[] = [];
  readonly #place: string;

  private constructor(
    o: { conn: Deno.QuicConn; socket: Socket; place: string; gone: Promise<string> },
    stream: Deno.QuicBidirectionalStream,
  ) {
    this.conn = o.conn;
    this.gone = o.gone;
    this.#socket = o.socket;
    this.#place = o.place;
    this.#writer = stream.writable.getWriter();
    this.#reader = stream.readable.getReader({ mode: "byob" });
  }

  /**
   * Opens a line and lets `answer` go on with it, within the time of the dial.
   * @throws GhostError `unreachable`, `timeout`, `bad_signature` (the gate is not who its record says), or the gate's refusal;
   *   the line is then closed
   */
  static async open<T>(o: GateDial, answer: (line: GateLine) => Promise<T>): Promise<T> {
    const place = `gate ${o.gate.record.name} at ${o.host} UDP ${o.gate.record.quic ?? "-"}`;
    const failed = (error: unknown) =>
      error instanceof GhostError
        ? error
        : new GhostError("unreachable", `Cannot reach the gate: ${errorLine(error)}`, { place, cause: error });
    const givenUp = Promise.withResolvers<never>();
    const giveUp = () => givenUp.reject(new GhostError("unreachable", "Nobody waits for the gate any more", { place }));
    if (o.signal?.aborted) giveUp();
    o.signal?.addEventListener("abort", giveUp);
    const silent = new GhostError("timeout", "The gate does not answer", { place });
    const timer = setTimeout(() => givenUp.reject(silent), o.timeout);
    const over = new AbortController();
    let socket: Socket | null = null;
    const from = (port: number) => {
      over.signal.throwIfAborted();
      socket?.end();
      return socket = socketFor(o.host, port);
    };
    try {
      const opened = GateLine.#dial(o, { from, signal: over.signal }).then((line) =>
        line.#named(() => line.#greet(o).then(() => answer(line)))
      );
      return await Promise.race([opened, givenUp.promise]);
    } catch (error) {
      over.abort();
      (socket as Socket | null)?.end();
      throw failed(error);
    } finally {
      clearTimeout(timer);
      o.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Connects with a ticket: one of before, and when the gate does not take that (it was for another address), a new one. */
  static async #dial(
    o: GateDial,
    { from, signal }: { from(port: number): Socket; signal: AbortSignal },
  ): Promise<GateLine> {
    const { name, quic, stun } = o.gate.record;
    const place = `gate ${name} at ${o.host}`;
    if (quic === undefined) throw new GhostError("unreachable", "This gate has no QUIC sessions", { place });
    const service = { host: o.host, port: stun, quic };
    const ask = async () => {
      const got = await askTicket(service, { random: o.random, signal });
      if (got) o.tickets?.keep(service, got.ticket, performance.now());
      return got;
    };
    const kept = o.tickets?.get(service, performance.now());
    const first = kept ? { ticket: kept, port: 0 } : await ask();
    try {
      return await GateLine.#connect(from(first?.port ?? 0), { ...o, signal }, first?.ticket);
    } catch (error) {
      if (!TURNED_AWAY.test(errorLine(error))) throw error;
      o.tickets?.forget(service);
    }
    const again = first && await ask();
    if (!again) {
      throw new GhostError(
        "unreachable",
        "The gate's STUN service does not answer, which proves this machine's address",
        {
          place: `${place} UDP ${stun}`,
          mend: `let UDP port ${stun} through as well`,
        },
      );
    }
    try {
      return await GateLine.#connect(from(again.port), { ...o, signal }, again.ticket);
    } catch (error) {
      if (!TURNED_AWAY.test(errorLine(error))) throw error;
      const message = `The gate sees this machine at another address on UDP port ${stun} than on ${quic}`;
      const mend = "have the NAT on the way use one public address for both";
      throw new GhostError("unreachable", message, { place, mend, cause: error });
    }
  }

  static async #connect(
    socket: Socket,
    o: GateDial & { signal: AbortSignal },
    ticket?: Uint8Array,
  ): Promise<GateLine> {
    const { record } = o.gate;
    const options: PinnedQuicOptions = {
      hostname: o.host,
      port: record.quic!,
      serverName: ticket ? nameOfTicket(ticket) : GATE_SERVER_NAME,
      alpnProtocols: [GATE_ALPN],
      serverCertificateHashes: [{ algorithm: "sha-256", value: fromBase64Url(record.cert) }],
      congestionControl: "low-latency",
      keepAliveInterval: 3_000,
      maxIdleTimeout: 10_000,
      endpoint: socket.endpoint,
    };
    const conn = await Deno.connectQuic(options);
    if (o.signal.aborted) {
      hangUp(conn, 1);
      throw new Error("nobody waits for it any more");
    }
    o.signal.addEventListener("abort", () => hangUp(conn, 1)); // the signal is this dial's own
    // It rejects when nobody said goodbye: the gate forgot the connection (a reset) or went silent.
    const gone = conn.closed.then((info) => info.reason || `closed with code ${info.closeCode}`, errorLine);
    try {
      const stream = await conn.createBidirectionalStream();
      return new GateLine({ conn, socket, place: `gate ${record.name}`, gone }, stream);
    } catch (error) {
      throw new Error(await whyOf(gone, error), { cause: error });
    }
  }

  /** Work on this line, which fails with what ended the line if that is why. */
  async #named<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GhostError && error.code !== "unreachable") throw error;
      throw new Error(await this.why(error), { cause: error });
    }
  }

  /** Lets the gate prove itself, and makes the proof for it. */
  async #greet(o: GateDial): Promise<void> {
    const { cert } = o.gate.record;
    const nonce = toBase64Url(o.random(32));
    await this.send({ t: "hello", net: o.net, key: o.key.public, nonce });
    const challenge = await this.expect("challenge");
    const claims = (role: SessionClaims["role"]): SessionClaims => ({
      role,
      net: o.net,
      gate: o.gate.key,
      node: o.key.public,
      cert,
      nonces: [nonce, challenge.nonce],
    });
    await verifySession(challenge.proof, claims("gate"), o.gate.key);
    this.proof = await signSession(claims("node"), o.key);
  }

  /** Why something on this line failed: when it has ended, reading and writing say only that it has. */
  why(error: unknown): Promise<string> {
    return whyOf(this.gone, error);
  }

  async send(message: FromNode): Promise<void> {
    await this.#writer.write(encodeControl(message));
  }

  /** The next message. @throws GhostError `unreachable` when the gate has ended the line, `bad_input` for what is no message */
  async receive(): Promise<FromGate> {
    while (this.#pending.length === 0) {
      const { value, done } = await this.#reader.read(new Uint8Array(this.#chunk));
      if (done) throw new GhostError("unreachable", "The gate ended the session", { place: this.#place });
      this.#pending.push(...this.#control.push(value));
      this.#chunk = value.buffer;
    }
    return this.#pending.shift()!;
  }

  /** The next message, which has to be of this kind. @throws GhostError the gate's refusal, `bad_input` for another kind */
  async expect<T extends FromGate["t"]>(kind: T): Promise<FromGate & { t: T }> {
    const message = await this.receive();
    if (message.t === kind) return message as FromGate & { t: T };
    if (message.t === "refused") {
      throw new GhostError(message.code as ErrorCode, message.message, { place: this.#place });
    }
    throw new GhostError("bad_input", `Unexpected message "${message.t}"`, { place: this.#place });
  }

  close(): void {
    hangUp(this.conn, 0);
    this.#socket.end();
  }
}

/** Where a dial leaves from: this port if it is free. @throws on a machine without this family */
function socketFor(host: string, port: number): Socket {
  const hostname = host.includes(":") ? "::" : "0.0.0.0";
  if (port !== 0) {
    try {
      const endpoint = new Deno.QuicEndpoint({ hostname, port });
      return { endpoint, end: () => endpoint.close({ closeCode: 1, reason: "" }) };
    } catch { /* any other will do */ }
  }
  const endpoint = ENDPOINTS.take(hostname);
  let ended = false;
  const end = () => {
    if (!ended) ENDPOINTS.rest(hostname, endpoint);
    ended = true;
  };
  return { endpoint, end };
}

function hangUp(conn: Deno.QuicConn, closeCode: number): void {
  try {
    conn.close({ closeCode, reason: "" });
  } catch { /* already gone */ }
}

/** What a connection says of its end, or, when it does not end now, the error. */
async function whyOf(gone: Promise<string>, error: unknown): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => timer = setTimeout(() => resolve(errorLine(error)), REASON_PATIENCE));
  const why = await Promise.race([gone, late]);
  clearTimeout(timer);
  return why;
}
