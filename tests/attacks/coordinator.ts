/** A real coordinator as a process of its own, a network founded on it, and machines and strangers that speak to it over TLS. */
import { connect } from "node:tls";
import { join } from "node:path";
import { MeshClient, parseServer, pinCa } from "../../mesh/client/mod.ts";
import { firstChain, newSigningKey, OPEN_POLICY, random } from "../../mesh/server/testing.ts";
import { ipv4Of, ipv6Of } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { boxKeyFromSeed, nodeIdOf, type SigningKey } from "../../mesh/trust/keys.ts";
import { type Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { makeRequestProof } from "../../mesh/trust/proof.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { plainGrant, plainRecord } from "../../mesh/trust/testdata/plain.ts";
import { MESH_TLS_NAME } from "../../mesh/wire/api.ts";
import { toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import type { GrantBody, LedgerBody, LedgerKind } from "../../mesh/wire/ledger.ts";
import type { NodeRecord } from "../../mesh/wire/record.ts";
import { decodeSetupCode, type SetupCode } from "../../mesh/wire/token.ts";
import { Process } from "../../scripts/lab/process.ts";
import { PROJECT } from "../../scripts/lib/run.ts";

/** Seconds since 1970. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** What a raw exchange gave. */
export interface Answer {
  status: number;
  body: string;
  /** `code` of a problem document, else undefined. */
  code: string | undefined;
}

/** A coordinator that nobody has claimed yet. */
export class Coordinator {
  readonly process: Process;
  readonly dir: string;
  readonly port: number;
  readonly code: SetupCode;
  readonly ca: string;

  private constructor(o: { process: Process; dir: string; port: number; code: SetupCode; ca: string }) {
    this.process = o.process;
    this.dir = o.dir;
    this.port = o.port;
    this.code = o.code;
    this.ca = o.ca;
  }

  /** Starts it by the permissions that its launcher gives it. */
  static async start(toml = ""): Promise<Coordinator> {
    const dir = await Deno.makeTempDir({ prefix: "ghostmesh-attack-" });
    await Deno.writeTextFile(`${dir}/ghostmesh.toml`, `[server]\nbind = "127.0.0.1:0"\n${toml}`);
    const settings = ["--quiet", "--no-prompt", `--config=${join(PROJECT, "deno.json")}`, "-P=mesh"];
    const folders = [`--allow-read=${dir}`, `--allow-write=${dir}`];
    const program = [join(PROJECT, "mesh", "main.ts"), "--config", `${dir}/ghostmesh.toml`, "--state-dir", `${dir}/s`];
    const argv = [Deno.execPath(), "run", ...settings, ...folders, ...program];
    const process = new Process("ghostmesh", argv, { env: Deno.env.toObject() });
    try {
      const told = (await process.line(/--server (\S+) --setup (setup1_\S+)/)).match;
      const code = decodeSetupCode(told[2]!);
      const server = parseServer(told[1]!);
      const port = Number(server.port);
      const ca = await pinCa(parseServer(`https://127.0.0.1:${port}`), code.ca!);
      return new Coordinator({ process, dir, port, code, ca });
    } catch (error) {
      await process.stop("SIGKILL");
      throw error;
    }
  }

  get server(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Sends bytes as they are and gives what came back until the server closed or `limit` ms passed. */
  async raw(bytes: string | Uint8Array, { limit = 10_000 } = {}): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = connect({ host: "127.0.0.1", port: this.port, ca: this.ca, servername: MESH_TLS_NAME });
    let text = "";
    const timer = setTimeout(() => resolve(text), limit);
    socket.on("data", (chunk: Uint8Array) => text += new TextDecoder().decode(chunk));
    socket.on("error", () => resolve(text));
    socket.on("close", () => resolve(text));
    socket.on("secureConnect", () => socket.write(bytes));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  /** One HTTP/1.1 exchange; the path goes out as it is written, without the tidying that URL parsers do. */
  async exchange(
    o: { method?: string; path: string; headers?: Record<string, string>; body?: string },
  ): Promise<Answer> {
    const { method = "GET", path, headers = {}, body = "" } = o;
    const length = body === "" && method === "GET" ? {} : { "content-length": String(utf8(body).length) };
    const all = { host: MESH_TLS_NAME, connection: "close", ...length, ...headers };
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const text = await this.raw(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    const answer = text.slice(text.indexOf("\r\n\r\n") + 4);
    return { status, body: answer, code: /"code":"([a-z_]+)"/.exec(answer)?.[1] };
  }

  /** Claims it as ghostctl does. */
  async found(policy = OPEN_POLICY): Promise<Network> {
    const admin = await newSigningKey();
    const { ledger, entries } = await firstChain(admin, { policy, iat: seconds() });
    const network = new Network(this, admin, ledger);
    using client = network.client(admin);
    await client.setup(this.code.secret, entries);
    return network;
  }

  /** Whether it still answers. */
  async alive(): Promise<boolean> {
    return this.process.running && (await this.exchange({ path: "/healthz" })).status === 200;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop("SIGTERM");
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** A machine with an identity that a grant admits. */
export interface Member {
  name: string;
  key: SigningKey;
  id: string;
  record: NodeRecord;
  jws: string;
}

/** The network on a coordinator, seen from its admin. */
export class Network {
  readonly coordinator: Coordinator;
  readonly admin: SigningKey;
  readonly ledger: Ledger;

  constructor(coordinator: Coordinator, admin: SigningKey, ledger: Ledger) {
    this.coordinator = coordinator;
    this.admin = admin;
    this.ledger = ledger;
  }

  get id(): string {
    return this.ledger.network.id;
  }

  /** Speaks by a key. */
  client(key: SigningKey, net = this.id): MeshClient {
    const { server, ca } = this.coordinator;
    return new MeshClient({ server, ca, net, key, now: () => Date.now(), random });
  }

  /** Signs and appends an entry. */
  async append<K extends LedgerKind>(kind: K, body: LedgerBody<K>): Promise<string> {
    const jws = await signEntry({ ledger: this.ledger, admin: this.admin, kind, body, iat: seconds() });
    using client = this.client(this.admin);
    await client.append([jws]);
    await this.ledger.append(jws);
    return jws;
  }

  async grant(over: Partial<GrantBody> = {}): Promise<SigningKey> {
    const key = await newSigningKey();
    await this.append("grant", plainGrant(key.public, over));
    return key;
  }

  /** A machine that a grant's key admits; nothing is published. */
  async member(name: string, grantKey: SigningKey, over: Partial<NodeRecord> = {}): Promise<Member> {
    const key = await newSigningKey();
    const id = await nodeIdOf(key.public);
    const now = seconds();
    const record = plainRecord({
      net: this.id,
      iat: now,
      name,
      wg: (await boxKeyFromSeed(random(32))).public,
      seal: (await boxKeyFromSeed(random(32))).public,
      ipv6: await ipv6Of(this.id, id),
      ipv4: await ipv4Of(this.id, id, 0, this.ledger.network.ipv4),
      proof: await makeTokenProof({ grantKey, net: this.id, sub: key.public, iat: now }),
      ...over,
    });
    return { name, key, id, record, jws: await signNodeRecord(record, key) };
  }

  /** A machine that has joined. */
  async join(name: string, grantKey: SigningKey): Promise<Member> {
    const member = await this.member(name, grantKey);
    using client = this.client(member.key);
    await client.publishNode(member.jws);
    return member;
  }

  /** Names of all machines as an admin sees them. */
  async records(): Promise<string[]> {
    using client = this.client(this.admin);
    return await client.nodes();
  }

  /** A request with a key's proof; `as` changes what the proof says, `sent` what is sent. */
  async proven(
    key: SigningKey,
    o: { method?: string; path: string; body?: string; proofPath?: string; headers?: Record<string, string> },
  ): Promise<Answer> {
    const { method = "GET", path, body = "" } = o;
    const proof = await makeRequestProof({
      key,
      method,
      path: o.proofPath ?? path,
      net: this.id,
      body: utf8(body),
      iat: seconds(),
      jti: toBase64Url(random(16)),
    });
    const headers = { DPoP: proof, ...(body === "" ? {} : { "content-type": "application/json" }), ...o.headers };
    return await this.coordinator.exchange({ method, path, headers, body });
  }
}

/** One coordinator with a network for all tests of a file. */
export function onNetwork(): (name: string, body: (net: Network) => Promise<void>) => void {
  let made: Promise<Network> | undefined;
  Deno.test.afterAll(async () => {
    const network = await made?.catch(() => undefined);
    if (network) await network.coordinator[Symbol.asyncDispose]();
  });
  return (name, body) =>
    Deno.test({
      name,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => await body(await (made ??= Coordinator.start().then((c) => c.found()))),
    });
}
