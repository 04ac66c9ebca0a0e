/** What the gate's tests need of the world: a small network with admin and grants, and a node's side of the session. */
import { type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { boxKeyFromSeed, nodeIdOf } from "../../mesh/trust/keys.ts";
import { ipv6Of } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { signSession, verifySession } from "../../mesh/trust/session.ts";
import { plainGenesis, plainGrant, plainRecord } from "../../mesh/trust/testdata/plain.ts";
import { askTicket } from "../../mesh/client/mod.ts";
import { type Bytes, fromBase64Url, toBase64Url } from "../../mesh/wire/encoding.ts";
import {
  ControlReader,
  encodeControl,
  FRAME_HEADER,
  FRAME_PACKET,
  type FromGate,
  fromGate,
  type FromNode,
  GATE_ALPN,
  nodeIdBytes,
  type SessionClaims,
} from "../../mesh/wire/gate_session.ts";
import { GATE_SERVER_NAME, nameOfTicket } from "../../mesh/wire/gate_ticket.ts";
import type { LedgerBody, LedgerKind } from "../../mesh/wire/ledger.ts";
import type { NodeRecord } from "../../mesh/wire/record.ts";

/** No test waits longer than this for anything, in ms. */
const LIMIT = 15_000;

export function random(n: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(n));
}

export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Waits until `done` gives something, and gives that. */
export async function until<T>(what: string, done: () => T | undefined | false | null): Promise<T> {
  const end = Date.now() + LIMIT;
  while (true) {
    const found = done();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A network whose only admin is the test. */
export class TestNetwork {
  readonly ledger: Ledger;
  readonly admin: SigningKey;

  private constructor(ledger: Ledger, admin: SigningKey) {
    this.ledger = ledger;
    this.admin = admin;
  }

  static async create(): Promise<TestNetwork> {
    const admin = await signingKeyFromSeed(random(32));
    const genesis = await signEntry({
      ledger: null,
      admin,
      kind: "genesis",
      body: plainGenesis("test", admin.public, toBase64Url(random(32))),
      iat: seconds(),
    });
    return new TestNetwork(await Ledger.open([genesis]), admin);
  }

  /** The same network with a ledger of its own, for what others do not know yet. */
  async copy(): Promise<TestNetwork> {
    return new TestNetwork(await Ledger.open(this.ledger.entries), this.admin);
  }

  get id(): string {
    return this.ledger.network.id;
  }

  /** Signs and appends an entry. */
  async append<K extends LedgerKind>(kind: K, body: LedgerBody<K>): Promise<string> {
    const entry = await signEntry({ ledger: this.ledger, admin: this.admin, kind, body, iat: seconds() });
    await this.ledger.append(entry);
    return entry;
  }

  /** A grant's private key, with the grant in the ledger. */
  async grant(o: { gate?: boolean; expires?: number } = {}): Promise<SigningKey> {
    const key = await signingKeyFromSeed(random(32));
    await this.append("grant", plainGrant(key.public, o));
    return key;
  }

  /** A node with a record by this grant. */
  async node(name: string, grantKey: SigningKey, change: Partial<NodeRecord> = {}): Promise<TestNode> {
    const key = await signingKeyFromSeed(random(32));
    const id = await nodeIdOf(key.public);
    const now = seconds();
    const box = await boxKeyFromSeed(random(32));
    const record = plainRecord({
      net: this.id,
      iat: now,
      name,
      wg: box.public,
      seal: box.public,
      ipv6: await ipv6Of(this.id, id),
      proof: await makeTokenProof({ grantKey, net: this.id, sub: key.public, iat: now }),
      ...change,
    });
    return { id, key, net: this.id, record: await signNodeRecord(record, key), head: this.ledger.head };
  }
}

export interface TestNode {
  id: string;
  key: SigningKey;
  net: string;
  record: string;
  head: { seq: number; hash: string };
}

/** What a node knows of a gate before it connects. */
export interface TestGate {
  port: number;
  /** UDP port of its STUN service. */
  stun: number;
  key: string;
  cert: string;
}

/** A node's end of a connection to a gate. */
export class TestClient {
  readonly got: FromGate[] = [];
  readonly packets: Uint8Array[] = [];
  closed: { code: number; reason: string } | null = null;
  welcome: FromGate & { t: "welcome" } | null = null;
  readonly conn: Deno.QuicConn;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(
    endpoint: Deno.QuicEndpoint,
    conn: Deno.QuicConn,
    stream: Deno.QuicBidirectionalStream,
  ) {
    this.#endpoint = endpoint;
    this.conn = conn;
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => {});
    conn.closed.then(
      (info) => this.closed ??= { code: info.closeCode, reason: info.reason },
      (error) => this.closed ??= { code: -1, reason: String(error) },
    );
    const control = new ControlReader(fromGate);
    (async () => {
      for await (const chunk of stream.readable) this.got.push(...control.push(chunk));
    })().catch(() => {});
    (async () => {
      while (true) this.packets.push(await conn.readDatagram());
    })().catch(() => {});
  }

  /** Connects, pinned to the certificate; `ticket`: what to show instead of a ticket asked for. */
  static async connect(
    gate: TestGate,
    o: { keepAlive?: boolean; ticket?: Uint8Array | null } = {},
  ): Promise<TestClient> {
    const signal = new AbortController().signal;
    const ticket = o.ticket !== undefined
      ? o.ticket
      : (await askTicket({ host: "127.0.0.1", port: gate.stun }, { random, signal }))?.ticket;
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    const options: Deno.ConnectQuicOptions<false> & { serverCertificateHashes: unknown } = {
      hostname: "127.0.0.1",
      port: gate.port,
      serverName: ticket ? nameOfTicket(ticket) : GATE_SERVER_NAME,
      alpnProtocols: [GATE_ALPN],
      serverCertificateHashes: [{ algorithm: "sha-256", value: fromBase64Url(gate.cert) }],
      ...(o.keepAlive === false ? {} : { keepAliveInterval: 100 }),
      maxIdleTimeout: 10_000,
      endpoint,
    };
    const conn = await Deno.connectQuic(options);
    return new TestClient(endpoint, conn, await conn.createBidirectionalStream());
  }

  /** Connects and opens a session; the outcome is `welcome`, or a message `refused` in `got`. */
  static async join(gate: TestGate, node: TestNode, o: { keepAlive?: boolean } = {}): Promise<TestClient> {
    const client = await TestClient.connect(gate, o);
    const { challenge, claims } = await client.hello(gate, node);
    await client.send({
      t: "auth",
      record: node.record,
      proof: await signSession({ ...claims, nonces: [claims.nonces[0], challenge.nonce] }, node.key),
      head: node.head,
    });
    await until("welcome or refused", () => client.got.some((m) => m.t === "welcome" || m.t === "refused"));
    client.welcome = client.of("welcome")[0] ?? null;
    return client;
  }

  /** The first half of the handshake, with the gate's proof checked. */
  async hello(gate: TestGate, node: TestNode) {
    const nonce = toBase64Url(random(32));
    await this.send({ t: "hello", net: node.net, key: node.key.public, nonce });
    const challenge = await until("challenge", () => this.of("challenge")[0] ?? this.of("refused")[0]);
    if (challenge.t === "refused") throw new Error(`refused: ${challenge.code}`);
    const claims: SessionClaims = {
      role: "node",
      net: node.net,
      gate: gate.key,
      node: node.key.public,
      cert: gate.cert,
      nonces: [nonce, challenge.nonce],
    };
    await verifySession(challenge.proof, { ...claims, role: "gate" }, gate.key);
    return { challenge, claims };
  }

  /** The messages of one kind so far. */
  of<T extends FromGate["t"]>(t: T): (FromGate & { t: T })[] {
    return this.got.filter((m): m is FromGate & { t: T } => m.t === t);
  }

  async send(message: FromNode): Promise<void> {
    await this.#writer.write(encodeControl(message));
  }

  /** Sends a packet in one frame. */
  async sendPacket(to: string, packet: Uint8Array): Promise<void> {
    const frame = new Uint8Array(FRAME_HEADER + packet.length);
    frame[0] = FRAME_PACKET;
    frame.set(nodeIdBytes(to), 1);
    frame.set(packet, FRAME_HEADER);
    await this.conn.sendDatagram(frame);
  }

  async close(): Promise<void> {
    try {
      this.conn.close({ closeCode: 0, reason: "" });
    } catch { /* closed by the gate */ }
    this.#endpoint.close();
    await until("own end", () => this.closed);
  }
}
