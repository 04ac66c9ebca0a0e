/** A gate on loopback for tests: the real server with its core, a network of its own, and clients that join it. */
import { createHmac } from "node:crypto";
import { createLog } from "../../mesh/host/log.ts";
import { systemRunner } from "../../mesh/host/runner.ts";
import { type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { toBase64Url } from "../../mesh/wire/encoding.ts";
import { GateCore } from "../core/gate.ts";
import type { Limits } from "../core/limits.ts";
import { Tickets } from "../core/tickets.ts";
import { openCertificate } from "./certificate.ts";
import { HostWatch } from "./host_watch.ts";
import { LedgerJudge } from "./judge.ts";
import { LaneService } from "./lanes/service.ts";
import { GateServer } from "./quic.ts";
import { StunServer } from "./stun.ts";
import { random, TestClient, type TestGate, TestNetwork } from "./testing.ts";

/** UDP ports of lanes there, outside of what the system gives out by itself. */
const LANES = { first: 24_100, last: 24_399 };

export const hmacSha256 = (key: Uint8Array, data: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac("sha256", key).update(data).digest());

async function loopLanes(stateDir: string, watch: HostWatch): Promise<LaneService> {
  return await LaneService.open({
    hostname: "127.0.0.1",
    ports: LANES,
    quic: 0,
    nodeRate: null,
    networkRate: null,
    watch,
    stateDir,
    runner: systemRunner,
    log: createLog("ghostgate", { write: () => {} }),
    now: () => performance.now(),
    stun: () => {},
    loopOnly: true,
  });
}

/** A gate on loopback for one network, without a coordinator. */
export class GateWorld implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly grant: SigningKey;
  readonly gate: TestGate;
  readonly core: GateCore;
  readonly server: GateServer;
  readonly tickets: Tickets;
  readonly #dir: string;
  readonly #lanes: LaneService | undefined;
  readonly #watch: HostWatch;
  readonly #stun: StunServer;
  readonly clients: TestClient[] = [];
  /** What the gate finds when it asks for newer entries. */
  newer: () => Promise<boolean> = () => Promise.resolve(false);

  private constructor(o: {
    network: TestNetwork;
    grant: SigningKey;
    key: SigningKey;
    dir: string;
    certificate: Awaited<ReturnType<typeof openCertificate>>;
    limits: Partial<Limits>;
    idle: number | undefined;
    lanes: LaneService | undefined;
    watch: HostWatch;
  }) {
    this.network = o.network;
    this.grant = o.grant;
    this.#dir = o.dir;
    const { hash: cert } = o.certificate;
    const now = () => Date.now();
    const nonce = () => toBase64Url(random(32));
    this.core = new GateCore({
      key: o.key.public,
      cert,
      nonce,
      limits: o.limits,
      ...(o.lanes && { lanes: { ports: LANES, hmac: hmacSha256, random, accept: () => true } }),
    });
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    const tickets = this.tickets = new Tickets({ key: random(32), hmac: hmacSha256 });
    const stun = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.#stun = new StunServer(stun, { tickets });
    this.gate = { port: endpoint.addr.port, stun: (stun.addr as Deno.NetAddr).port, key: o.key.public, cert };
    const judge = new LedgerJudge({
      key: o.key,
      ledger: o.network.ledger,
      catchUp: () => this.newer(),
      take: async (entries) => {
        for (const entry of entries) await o.network.ledger.append(entry);
      },
      exchange: () => Promise.resolve([]),
      now,
    });
    const log = createLog("ghostgate", { write: () => {} });
    this.server = new GateServer({
      endpoint,
      certificate: o.certificate,
      core: this.core,
      judge,
      tickets,
      log,
      now,
      clock: () => performance.now(),
      ...(o.idle ? { idle: o.idle } : {}),
      ...(o.lanes ? { lanes: o.lanes } : {}),
    });
    this.#lanes = o.lanes;
    this.#watch = o.watch;
    o.lanes?.attach((event) => this.server.handle(event));
    this.head();
  }

  /** @param o.lanes with lanes through the process, on LANES */
  static async create(
    limits: Partial<Limits> = {},
    { idle, lanes = false }: { idle?: number; lanes?: boolean } = {},
  ): Promise<GateWorld> {
    const network = await TestNetwork.create();
    const dir = await Deno.makeTempDir();
    const watch = new HostWatch(() => [], 15_000);
    return new GateWorld({
      network,
      grant: await network.grant(),
      key: await signingKeyFromSeed(random(32)),
      dir,
      certificate: await openCertificate(dir, { now: () => Date.now(), random }),
      limits,
      idle,
      lanes: lanes ? await loopLanes(dir, watch) : undefined,
      watch,
    });
  }

  head(): void {
    this.server.handle({ t: "ledger", net: this.network.id, head: this.network.ledger.head });
  }

  async join(...o: Parameters<TestNetwork["node"]> | [string]) {
    const node = await this.network.node(o[0], o[1] ?? this.grant, o[2]);
    const client = await TestClient.join(this.gate, node);
    this.clients.push(client);
    return { node, client };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client.close();
    await this.server.close();
    this.#stun.close();
    await this.#lanes?.close();
    this.#watch[Symbol.dispose]();
    await Deno.remove(this.#dir, { recursive: true });
  }
}
