/**
 * A gate's parts, opened one after another and held together until its end: sessions, lanes, TURN, its membership, its record and
 * its counters.
 */
import { pause } from "../../mesh/wire/pause.ts";
import { MeshClient, parseServer } from "../../mesh/client/mod.ts";
import { serverText } from "../../mesh/client/server_address.ts";
import type { Log } from "../../mesh/host/log.ts";
import type { Runner } from "../../mesh/host/runner.ts";
import { nodeIdOf, type SigningKey } from "../../mesh/trust/keys.ts";
import { type Bytes, toBase64Url } from "../../mesh/wire/encoding.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { VERSION } from "../../mesh/wire/version.ts";
import { GateCore } from "../core/gate.ts";
import { Tickets } from "../core/tickets.ts";
import { mayBeEnd } from "../core/lanes/addresses.ts";
import { hostsOf, labelOf } from "./addresses.ts";
import type { Certificate } from "./certificate.ts";
import type { GateConfig } from "./config.ts";
import { enrol, overlayOf } from "./enrol.ts";
import { LaneService } from "./lanes/service.ts";
import type { HostWatch, OwnAddress } from "./host_watch.ts";
import { openIssuers } from "./issuers.ts";
import { LedgerJudge } from "./judge.ts";
import { followEntries } from "./follow_entries.ts";
import { serveMetrics } from "./metrics.ts";
import { Membership } from "./membership.ts";
import { type GateFacts, Publisher } from "./publisher.ts";
import { NOBODY } from "./nobody.ts";
import { GateServer, type Judge } from "./quic.ts";
import type { Sockets } from "./sockets.ts";
import type { GateState, NetworkState } from "./state.ts";
import type { StunServer } from "./stun.ts";
import { TurnService } from "./turn/service.ts";

/** How often the record is held against the host's addresses and its own age, in ms. */
const LOOK_AGAIN = 60_000;

/** The world around a gate. */
export interface GateWorld {
  log: Log;
  /** ms since 1970, by the machine's own clock: for what is signed. */
  now(): number;
  /** ms of a clock that goes on steadily whatever is done to the machine's own: for everything else. */
  clock(): number;
  random(n: number): Bytes;
  hostname(): string;
  /** Addresses of the host's interfaces. */
  interfaces(): OwnAddress[];
  runner: Runner;
  /** HMAC-SHA256. */
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

export interface RunOptions {
  config: GateConfig;
  /** Name of the configuration in refusals. */
  file: string;
  /** What was typed to start this gate, without server and token. */
  command: string;
  state: GateState;
  /** Text of a join token. */
  auth: string | undefined;
  server: string | undefined;
  /** Ends the gate. */
  signal: AbortSignal;
  world: GateWorld;
}

/** See the head of this file. */
export class Gate {
  readonly #o: RunOptions;
  readonly #sockets: Sockets;
  readonly #key: SigningKey;
  readonly #certificate: Certificate;
  readonly #watch: HostWatch;
  /** By a key that stays as long as the certificate does. */
  readonly tickets: Tickets;
  #server: GateServer | null = null;
  #core: GateCore | null = null;
  #lanes: LaneService | null = null;
  #turn: TurnService | null = null;
  #metrics: AsyncDisposable | null = null;
  /** The network's own prefixes. */
  #overlay: string[] = [];
  readonly #stop = new AbortController();
  #working: Promise<unknown>[] = [];

  constructor(o: RunOptions, { sockets, key, certificate, watch }: {
    sockets: Sockets;
    key: SigningKey;
    certificate: Certificate;
    watch: HostWatch;
  }) {
    this.#o = o;
    this.#sockets = sockets;
    this.#key = key;
    this.#certificate = certificate;
    this.#watch = watch;
    const { hmac } = o.world;
    const bytes = (text: string) => new TextEncoder().encode(text);
    this.tickets = new Tickets({ key: hmac(bytes(certificate.key), bytes("ghostgate tickets")), hmac });
  }

  /** The network that this gate belongs to, joined now if there is a token. */
  async network(): Promise<NetworkState | null> {
    const { auth, server, state, world } = this.#o;
    if (auth !== undefined) {
      return await enrol({ ...world, auth, server, state, key: this.#key, facts: (overlay) => this.#facts(overlay) });
    }
    const network = await state.network();
    if (server === undefined) return network;
    if (!network) {
      const mend = "give the token too: --auth @FILE, from ghostctl token create --gate";
      throw new GhostError("bad_input", "This gate is in no network yet", { place: "--server", mend });
    }
    const moved = { ...network, server: serverText(parseServer(server)) };
    if (moved.server !== network.server) await state.saveNetwork(moved);
    return moved;
  }

  /** Addresses of the host's interfaces. */
  #own(): string[] {
    return this.#watch.addresses().map(({ address }) => address);
  }

  #facts(overlay: string[]): GateFacts {
    const { config, world } = this.#o;
    return {
      name: config.name ?? labelOf(world.hostname()),
      region: config.region,
      hosts: config.advertise ?? hostsOf({ listen: config.listen.hostname, own: this.#own(), overlay }),
      ...(config.use_quic && { quic: this.#sockets.quicPort }),
      stun: this.#sockets.stunPort,
      ...(this.#sockets.stunAlternatePort === null ? {} : { stunAlternate: this.#sockets.stunAlternatePort }),
      ...(this.#turn?.facts && { turn: this.#turn.facts }),
      cert: this.#certificate.hash,
      version: VERSION,
    };
  }

  #open(endpoint: Deno.QuicEndpoint, judge: Judge): GateServer {
    const { config, world } = this.#o;
    const core = this.#core = new GateCore({
      key: this.#key.public,
      cert: this.#certificate.hash,
      nonce: () => toBase64Url(world.random(32)),
      ...(config.lanes && {
        lanes: {
          ports: { first: config.lanes.first + 1, last: config.lanes.last },
          limits: {
            perNode: config.lanes_per_node,
            perNetwork: config.lanes_per_network,
            idleTime: config.lane_idle * 1000,
          },
          hmac: world.hmac,
          random: world.random,
          accept: (address) => mayBeEnd(address, { overlay: this.#overlay }),
        },
      }),
    });
    const lanes = this.#lanes;
    const server = new GateServer({
      ...world,
      endpoint,
      certificate: this.#certificate,
      core,
      judge,
      tickets: this.tickets,
      ...(lanes && { lanes }),
      ...(this.#turn && { turn: this.#turn }),
    });
    lanes?.attach((event) => server.handle(event));
    return this.#server = server;
  }

  async serve(network: NetworkState | null, stun: StunServer | null): Promise<void> {
    const { config, world } = this.#o;
    const { endpoint } = this.#sockets;
    const udp = `${config.listen.hostname}:${this.#sockets.quicPort}`;
    if (!network) {
      if (endpoint) this.#open(endpoint, NOBODY);
      world.log.warn(
        "in no network yet: nobody is served. To admit this gate, type on the admin's machine: " +
          "ghostctl token create --gate > gate.token; then here: " +
          `${this.#o.command} --server HOST --auth @gate.token`,
        { udp },
      );
      return;
    }
    const ledger = await Membership.openLedger(this.#o.state.ledger, network.net);
    const client = new MeshClient({
      ...world,
      server: network.server,
      ca: network.ca,
      net: network.net,
      key: this.#key,
    });
    this.#stop.signal.addEventListener("abort", () => client.close());
    const membership = new Membership({
      ledger,
      file: this.#o.state.ledger,
      client,
      log: world.log,
      stop: this.#stop.signal,
      now: world.clock,
      random: () => new DataView(world.random(4).buffer).getUint32(0) / 2 ** 32,
    });
    this.#overlay = await overlayOf(ledger);
    if (config.lanes && endpoint) await this.#openLanes(config.lanes, stun);
    const judge = new LedgerJudge({
      key: this.#key,
      ledger,
      issuers: await openIssuers(this.#o.state.dir, world),
      catchUp: () => membership.catchUp(),
      take: (entries) => membership.add(entries),
      exchange: (node, message) => membership.exchange(node, message),
      now: world.now,
    });
    const gate = await nodeIdOf(this.#key.public);
    if (config.fallback.includes("turn")) {
      this.#turn = new TurnService({
        ...world,
        gate,
        config,
        net: network.net,
        key: this.#key,
        judge,
        client,
        stateDir: this.#o.state.dir,
        certificate: this.#certificate,
        overlay: this.#overlay,
        addresses: () => this.#own(),
        tell: (node, credentials) => this.#server?.tellTurn(network.net, node, credentials) ?? false,
      });
      membership.onMail = (from, box) => this.#turn?.mailed(from, box);
    }
    const server = endpoint && this.#open(endpoint, judge);
    server?.handle({ t: "ledger", net: network.net, head: ledger.head });
    followEntries(membership, { server: this.#server, turn: this.#turn, key: this.#key.public, log: world.log });
    const overlay = this.#overlay;
    const publisher = new Publisher({ ...world, state: this.#o.state, network, client, key: this.#key, ledger });
    const publish = async () => {
      if (this.#turn?.settled === false) return; // it calls again
      try {
        const facts = this.#facts(overlay);
        if (await publisher.update(facts)) world.log.info("record published", { hosts: facts.hosts.join(",") });
      } catch (error) {
        const away = error instanceof GhostError && error.code === "unreachable";
        if (!away) world.log.error("cannot publish this gate's record", { error: errorLine(error) });
      }
    };
    membership.onConnected = publish;
    membership.onUnknown = async () => {
      await publisher.forgotten();
      await publish();
    };
    this.#working.push(membership.follow(), this.#repeat(publish));
    if (this.#turn) this.#working.push(this.#turn.follow(this.#stop.signal, publish));
    const { hosts } = this.#facts(overlay);
    if (hosts.every((host) => host === "127.0.0.1")) {
      world.log.warn("nodes on other machines cannot reach this gate: set advertise", { place: this.#o.file });
    }
    const ready = endpoint ? "ready for sessions" : "ready";
    world.log.info(ready, { gate, network: network.net, udp: endpoint ? udp : undefined, hosts: hosts.join(",") });
  }

  /** Serves the counters where the configuration says. @throws GhostError `port_in_use`, `bad_config` */
  showMetrics(network: NetworkState | null, stun: StunServer | null): void {
    const { config: { metrics }, file, world } = this.#o;
    const core = this.#core;
    if (!metrics) return;
    const source = {
      counts: () => core?.counts() ?? null,
      turnedAway: () => this.#server?.door.turnedAway ?? 0,
      lanes: async () => await this.#lanes?.traffic() ?? null,
      stun: () => stun,
    };
    const place = `${file} relay.metrics`;
    const served = this.#metrics = serveMetrics({ ...metrics, place, network: network?.net ?? null, source });
    const host = metrics.hostname.includes(":") ? `[${metrics.hostname}]` : metrics.hostname;
    world.log.info("metrics", { at: `http://${host}:${served.port}/metrics` });
  }

  async #openLanes(ports: { first: number; last: number }, stun: StunServer | null): Promise<void> {
    const { config, world, state } = this.#o;
    const bytes = (mbit: number | undefined) => mbit === undefined ? null : mbit * 125_000;
    this.#lanes = await LaneService.open({
      hostname: config.listen.hostname,
      ports,
      quic: this.#sockets.quicPort,
      stun: (request, from, send) => stun?.answer(request, from, { same: send }),
      nodeRate: bytes(config.lane_mbit),
      networkRate: bytes(config.lanes_mbit),
      watch: this.#watch,
      stateDir: state.dir,
      runner: world.runner,
      log: world.log,
      now: world.clock,
      loopOnly: !config.lanes_kernel,
    });
    world.log.info("lanes", { in: this.#lanes.mode, udp: `${ports.first}-${ports.last}` });
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await pause(LOOK_AGAIN, this.#stop.signal);
      if (!this.#stop.signal.aborted) await work();
    }
  }

  async close(): Promise<void> {
    await this.#server?.farewell();
    this.#stop.abort();
    await this.#metrics?.[Symbol.asyncDispose]();
    await this.#server?.close();
    await this.#lanes?.close();
    await this.#turn?.close();
    await Promise.allSettled(this.#working);
  }
}
