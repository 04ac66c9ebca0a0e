/** A network for tests: an app over a store of its own, an admin, and machines that speak to it by request. */
import { PROOF_HEADER, type SyncEvent } from "../wire/api.ts";
import { type Bytes, toBase64Url, utf8 } from "../wire/encoding.ts";
import type { GrantBody, LedgerBody, LedgerKind } from "../wire/ledger.ts";
import type { AdmissionProof, GateRecord, NodeRecord } from "../wire/record.ts";
import { VERSION } from "../wire/version.ts";
import { ipv4Of, ipv6Of } from "../trust/address.ts";
import { makeTokenProof } from "../trust/admission/mod.ts";
import { type BoxKey, boxKeyFromSeed, nodeIdOf, type SigningKey, signingKeyFromSeed } from "../trust/keys.ts";
import { Ledger, signEntry } from "../trust/ledger.ts";
import { makeRequestProof } from "../trust/proof.ts";
import { signGateRecord, signNodeRecord } from "../trust/record.ts";
import { plainGenesis, plainGrant, plainRecord } from "../trust/testdata/plain.ts";
import { createApp, type MeshApp, type ServerConfig } from "./app.ts";

export function random(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Everybody sees everybody. */
export const OPEN_POLICY = `[[allow]]\nfrom = ["*"]\nto = ["*"]\n`;

export const newSigningKey = (): Promise<SigningKey> => signingKeyFromSeed(random(32));

/** A time that tests move. */
export class Clock {
  ms = Date.UTC(2026, 0, 1);
  now = (): number => this.ms;
  get seconds(): number {
    return Math.floor(this.ms / 1000);
  }
}

export interface WorldOptions {
  kv: Deno.Kv;
  config?: Partial<ServerConfig>;
  policy?: string;
  clock?: Clock;
}

/** A claimed coordinator and its admin. */
export class World {
  readonly app: MeshApp;
  readonly clock: Clock;
  readonly admin: SigningKey;
  readonly ledger: Ledger;

  private constructor(o: { app: MeshApp; clock: Clock; admin: SigningKey; ledger: Ledger }) {
    this.app = o.app;
    this.clock = o.clock;
    this.admin = o.admin;
    this.ledger = o.ledger;
  }

  static async make({ kv, config, policy = OPEN_POLICY, clock = new Clock() }: WorldOptions): Promise<World> {
    const app = newApp(kv, { clock, config });
    const secret = await app.newSetupSecret();
    if (secret === null) throw new Error("claimed already");
    const admin = await newSigningKey();
    const { ledger, entries } = await firstChain(admin, { policy, iat: clock.seconds });
    const response = await app.request("/v1/setup", post({ secret: toBase64Url(secret), entries }));
    if (response.status !== 200) throw new Error(await response.text());
    return new World({ app, clock, admin, ledger });
  }

  /** The same network through another app, as after a restart or from another instance. */
  through(app: MeshApp): World {
    return new World({ ...this, app });
  }

  get net(): string {
    return this.ledger.network.id;
  }

  /** Sends a request with `key`'s proof. */
  async call(
    key: SigningKey,
    path: string,
    o: { method?: string; body?: unknown; headers?: Record<string, string>; iat?: number; jti?: string } = {},
  ): Promise<Response> {
    const method = o.method ?? (o.body === undefined ? "GET" : "POST");
    const body = o.body === undefined ? new Uint8Array() : utf8(JSON.stringify(o.body));
    const proof = await makeRequestProof({
      key,
      method,
      path,
      net: this.net,
      body,
      iat: o.iat ?? this.clock.seconds,
      jti: o.jti ?? toBase64Url(random(16)),
    });
    return await this.app.request(path, {
      method,
      headers: { [PROOF_HEADER]: proof, ...o.headers },
      ...(o.body === undefined ? {} : { body }),
    });
  }

  /** Signs an entry, appends it at the coordinator and here. */
  async append<K extends LedgerKind>(kind: K, body: LedgerBody<K>): Promise<void> {
    const jws = await signEntry({ ledger: this.ledger, admin: this.admin, kind, body, iat: this.clock.seconds });
    await ok(await this.call(this.admin, "/v1/ledger", { body: { entries: [jws] } }));
    await this.ledger.append(jws);
  }

  /** A join token's key, its grant in the ledger. */
  async grant(over: Partial<GrantBody> = {}): Promise<SigningKey> {
    const key = await newSigningKey();
    await this.append("grant", plainGrant(key.public, over));
    return key;
  }

  /** A machine with an identity, admitted by a grant's key; nothing is published. */
  async machine(name: string, grantKey: SigningKey): Promise<Machine> {
    const key = await newSigningKey();
    const proof = await makeTokenProof({ grantKey, net: this.net, sub: key.public, iat: this.clock.seconds });
    return new Machine(this, {
      name,
      key,
      proof,
      id: await nodeIdOf(key.public),
      wg: await boxKeyFromSeed(random(32)),
      seal: await boxKeyFromSeed(random(32)),
    });
  }

  /** A node that has joined. */
  async node(name: string, grantKey: SigningKey): Promise<Machine> {
    const machine = await this.machine(name, grantKey);
    await ok(await machine.publish());
    return machine;
  }
}

interface MachineParts {
  name: string;
  key: SigningKey;
  id: string;
  proof: AdmissionProof;
  wg: BoxKey;
  seal: BoxKey;
}

/** A node or gate. */
export class Machine {
  readonly world: World;
  readonly name: string;
  readonly key: SigningKey;
  readonly id: string;
  readonly proof: AdmissionProof;
  readonly wg: BoxKey;
  readonly seal: BoxKey;
  seq = 0;

  constructor(world: World, o: MachineParts) {
    this.world = world;
    this.name = o.name;
    this.key = o.key;
    this.id = o.id;
    this.proof = o.proof;
    this.wg = o.wg;
    this.seal = o.seal;
  }

  /** The same machine, speaking to another instance. */
  at(world: World): Machine {
    const twin = new Machine(world, this);
    twin.seq = this.seq;
    return twin;
  }

  async record(over: Partial<NodeRecord> = {}): Promise<string> {
    const { net, clock, ledger } = this.world;
    const plain = plainRecord({
      net,
      seq: ++this.seq,
      iat: clock.seconds,
      name: this.name,
      wg: this.wg.public,
      seal: this.seal.public,
      ipv6: await ipv6Of(net, this.id),
      ipv4: await ipv4Of(net, this.id, 0, ledger.network.ipv4),
      version: VERSION,
      proof: this.proof,
      ...over,
    });
    return await signNodeRecord(plain, this.key);
  }

  /** Publishes a new node record. */
  async publish(over: Partial<NodeRecord> = {}): Promise<Response> {
    return await this.world.call(this.key, "/v1/nodes", { body: { record: await this.record(over) } });
  }

  async publishGate(over: Partial<GateRecord> = {}): Promise<Response> {
    const { net, clock } = this.world;
    const record: GateRecord = {
      v: 1,
      net,
      seq: ++this.seq,
      iat: clock.seconds,
      exp: clock.seconds + 86_400,
      name: this.name,
      region: "",
      hosts: ["192.0.2.1"],
      quic: 3478,
      stun: 3479,
      cert: toBase64Url(random(32)),
      version: VERSION,
      proof: this.proof,
      ...over,
    };
    return await this.world.call(this.key, "/v1/gates", { body: { record: await signGateRecord(record, this.key) } });
  }

  /** Opens its event stream. */
  async sync(o: { cursor?: string; ledger?: number } = {}): Promise<Events> {
    const response = await this.world.call(this.key, `/v1/sync?ledger=${o.ledger ?? 0}`, {
      headers: o.cursor === undefined ? {} : { "last-event-id": o.cursor },
    });
    await ok(response, false);
    return new Events(response.body!);
  }
}

/** An event with its cursor. */
export type Received = SyncEvent & { cursor: string | undefined };

/** Reads an event stream one event at a time. */
export class Events {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";
  /** The newest cursor seen. */
  cursor: string | undefined;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** The next event, null at the end of the stream. */
  async next(): Promise<Received | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data === undefined) continue;
        const cursor = field("id");
        if (cursor !== undefined) this.cursor = cursor;
        return { ...JSON.parse(data) as SyncEvent, cursor };
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Events up to and with the first of this type. */
  async upTo(type: SyncEvent["type"]): Promise<Received[]> {
    const all: Received[] = [];
    for (;;) {
      const event = await this.next();
      if (event === null) throw new Error(`The stream ended before "${type}"`);
      all.push(event);
      if (event.type === type) return all;
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

export function newApp(
  kv: Deno.Kv,
  { clock, config }: { clock: Clock; config?: Partial<ServerConfig> | undefined },
): MeshApp {
  const log = (error: unknown) => {
    throw error; // nothing in a test may go wrong inside
  };
  return createApp({
    kv,
    now: clock.now,
    random,
    config: { version: VERSION, authMethods: ["static"], log, ...config },
  });
}

/** Genesis and a policy. */
export async function firstChain(
  admin: SigningKey,
  { policy, iat }: { policy: string; iat: number },
): Promise<{ ledger: Ledger; entries: string[] }> {
  const genesis = await signEntry({
    ledger: null,
    admin,
    kind: "genesis",
    iat,
    body: plainGenesis("home", admin.public, toBase64Url(random(32))),
  });
  const ledger = await Ledger.open([genesis]);
  const body = { format: "toml" as const, source: policy };
  const second = await signEntry({ ledger, admin, kind: "policy", iat, body });
  await ledger.append(second);
  return { ledger, entries: [genesis, second] };
}

/** A request with a JSON body. */
export function post(body: unknown): RequestInit {
  return { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** Fails unless the response is a success; gives its JSON. */
// deno-lint-ignore no-explicit-any
export async function ok(response: Response, read = true): Promise<any> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return read ? await response.json() : undefined;
}

/** The code of a problem, with its status. */
export async function refused(response: Response): Promise<string> {
  const body = await response.json();
  if (response.headers.get("content-type") !== "application/problem+json" || body.status !== response.status) {
    throw new Error(`Not a problem: ${response.status} ${JSON.stringify(body)}`);
  }
  return `${response.status} ${body.code}`;
}
