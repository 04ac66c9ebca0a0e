/**
 * The lanes of a gate as its host has them: in the kernel where nftables, forwarding and privilege allow, else through this
 * process, by the same actions of the core. Control STUN comes to one socket for each of the gate's own addresses, so that the
 * gate knows by which of them an end reaches it; all of them have the first port of the range, which a firewall that lets the range
 * in lets in too.
 */
import { readDatagrams } from "../../../mesh/host/datagrams.ts";
import type { Log } from "../../../mesh/host/log.ts";
import { findTool, type Runner } from "../../../mesh/host/runner.ts";
import { type Egress, Forwarding } from "../../../mesh/host/forwarding.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import type { GateEvent } from "../../core/event.ts";
import type { LanePath } from "../../core/lanes/lane.ts";
import type { LaneAction } from "../../core/lanes/lanes.ts";
import type { PortRange } from "../../core/lanes/ports.ts";
import { kernelCarries } from "../../core/lanes/rules.ts";
import { sourceOf } from "../../core/source.ts";
import { KernelLanes } from "./kernel.ts";
import { LoopLane } from "./loop.ts";

/** How often the counters are read, in ms. */
const LOOK = 15_000;

export interface LaneServiceOptions {
  /** The address of `listen`. */
  hostname: string;
  ports: PortRange;
  nodeRate: number | null;
  networkRate: number | null;
  /** Own addresses with their interfaces. */
  addresses(): { address: string; iface: string }[];
  stateDir: string;
  runner: Runner;
  log: Log;
  /** Never the kernel: for tests, and `lanes_kernel = false`. */
  loopOnly?: boolean;
}

/** Sums since the start. */
export interface LaneTraffic {
  mode: "kernel" | "loop";
  packets: number;
  bytes: number;
  /** Packets to lanes' ports that came from no proved address. */
  unproved: number;
  limited: number;
  /** Packets among them that this process carried. */
  loopPackets: number;
}

export class LaneService {
  readonly #o: LaneServiceOptions;
  #kernel: KernelLanes | null = null;
  #forwarding: Forwarding | null = null;
  readonly #control = new Map<string, Deno.DatagramConn>();
  readonly #loops = new Map<number, LoopLane>();
  readonly #payers = new Map<string, number>();
  readonly #gone = { packets: 0, bytes: 0, unproved: 0 };
  #handle: (event: GateEvent) => void = () => {};
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(o: LaneServiceOptions) {
    this.#o = o;
  }

  /** Sets up what this host allows. */
  static async open(o: LaneServiceOptions): Promise<LaneService> {
    const service = new LaneService(o);
    // A gate that only this machine can reach has nothing to forward in the kernel.
    if (!o.loopOnly && service.#locals().length > 0) await service.#openKernel();
    service.#timer = setInterval(() => void service.#look(), LOOK);
    return service;
  }

  get mode(): "kernel" | "loop" {
    return this.#kernel ? "kernel" : "loop";
  }

  /** Whom to tell. */
  attach(handle: (event: GateEvent) => void): void {
    this.#handle = handle;
  }

  async #openKernel(): Promise<void> {
    const { runner, log, ports, nodeRate, networkRate } = this.#o;
    try {
      const nft = await findTool("nft", "apt-get install nftables");
      const sysctl = await findTool("sysctl", "apt-get install procps");
      const file = `${this.#o.stateDir}/forwarding.json`;
      this.#forwarding = new Forwarding({ runner, tools: { sysctl }, iface: null, file });
      await this.#forwarding.recover();
      const guards = await this.#forwarding.set(this.#egress());
      const table = `ghostgate_${ports.first}`;
      const rules = { table, ports, control: ports.first, nodeRate, networkRate, guards };
      const kernel = new KernelLanes({ runner, nft, log, rules });
      await kernel.load();
      this.#kernel = kernel;
      this.#openControl();
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      log.warn("lanes go through this process, not the kernel: ghostgate check says what is missing", {
        error: errorLine(error),
      });
      await this.#forwarding?.restore().catch(() => {});
      this.#forwarding = null;
    }
  }

  #locals(): { address: string; iface: string }[] {
    const { hostname } = this.#o;
    const all = this.#o.addresses().filter(({ address }) => !/^(?:127\.|169\.254\.|::1$|fe80:|ff)/i.test(address));
    if (hostname === "::") return all;
    if (hostname === "0.0.0.0") return all.filter(({ address }) => !address.includes(":"));
    return all.filter(({ address }) => sourceOf(address, 1).address === sourceOf(hostname, 1).address);
  }

  #egress(): Egress[] {
    return this.#locals().map(({ address, iface }) => ({ iface, family: address.includes(":") ? 6 : 4 }));
  }

  /** A control socket for every own address. */
  #openControl(): void {
    const wanted = new Set(this.#locals().map(({ address }) => address));
    for (const [address, socket] of this.#control) {
      if (wanted.has(address)) continue;
      socket.close();
      this.#control.delete(address);
    }
    for (const address of wanted) {
      if (this.#control.has(address)) continue;
      try {
        const socket = Deno.listenDatagram({ transport: "udp", hostname: address, port: this.#o.ports.first });
        this.#control.set(address, socket);
        void readDatagrams(socket, (bytes, from) => this.#heard(bytes, from, address));
      } catch (error) {
        this.#o.log.warn("no lanes over this address", { address, port: this.#o.ports.first, error });
      }
    }
  }

  #heard(bytes: Uint8Array, from: Deno.NetAddr, local: string | null): void {
    const { address, bytes: raw } = sourceOf(from.hostname, from.port);
    this.#handle({ t: "lane-control", bytes, from: { address, bytes: raw, port: from.port, local } });
  }

  /** Does what the core asks. */
  do(action: LaneAction): void {
    switch (action.t) {
      case "lane-open":
        if (!this.#kernel) this.#loop(action.port);
        return;
      case "lane-path":
        return this.#path(action);
      case "lane-close":
        this.#kernel?.set(action.port, null);
        return this.#closeLoop(action.port);
      case "lane-answer": {
        const { address, port, local } = action.to;
        const loop = this.#loops.get(action.port);
        const hostname = local === null && this.#o.hostname.includes(":") && !address.includes(":")
          ? `::ffff:${address}`
          : address;
        const to: Deno.NetAddr = { transport: "udp", hostname, port };
        if (local !== null) this.#control.get(local)?.send(action.bytes, to).catch(() => {});
        else loop?.send(action.bytes, to);
        return;
      }
    }
  }

  #path({ port, path, nodes }: { port: number; path: LanePath; nodes: readonly [string, string] }): void {
    if (this.#kernel && kernelCarries(path)) {
      this.#closeLoop(port);
      return this.#kernel.set(port, { port, path, payers: [this.#payer(nodes[0]), this.#payer(nodes[1])] });
    }
    this.#kernel?.set(port, null);
    this.#loop(port)?.set(path);
  }

  #payer(node: string): number {
    const number = this.#payers.get(node) ?? this.#payers.size + 1;
    this.#payers.set(node, number);
    return number;
  }

  #loop(port: number): LoopLane | null {
    const found = this.#loops.get(port);
    if (found) return found;
    try {
      const { hostname } = this.#o;
      const loop = new LoopLane({ hostname, port, control: (bytes, from) => this.#heard(bytes, from, null) });
      this.#loops.set(port, loop);
      return loop;
    } catch (error) {
      this.#o.log.debug("a lane's port is taken", { port, error });
      queueMicrotask(() => this.#handle({ t: "lane-failed", port }));
      return null;
    }
  }

  #closeLoop(port: number): void {
    const loop = this.#loops.get(port);
    if (!loop) return;
    this.#loops.delete(port);
    for (const what of ["packets", "bytes", "unproved"] as const) this.#gone[what] += loop[what];
    loop.close();
  }

  async #look(): Promise<void> {
    const ports = [...this.#loops.values()].filter((loop) => loop.used).map((loop) => loop.port);
    for (const loop of this.#loops.values()) loop.used = false;
    try {
      if (this.#kernel) {
        this.#openControl();
        ports.push(...await this.#kernel.used());
      }
    } catch (error) {
      this.#o.log.error("cannot read the lanes' counters", { error: errorLine(error) });
    }
    if (ports.length > 0) this.#handle({ t: "lane-used", ports });
  }

  async traffic(): Promise<LaneTraffic> {
    const kernel = await this.#kernel?.counts() ?? { packets: 0, bytes: 0, unproved: 0, limited: 0 };
    const loop = { ...this.#gone };
    for (const lane of this.#loops.values()) {
      for (const what of ["packets", "bytes", "unproved"] as const) loop[what] += lane[what];
    }
    return {
      mode: this.mode,
      packets: kernel.packets + loop.packets,
      bytes: kernel.bytes + loop.bytes,
      unproved: kernel.unproved + loop.unproved,
      limited: kernel.limited,
      loopPackets: loop.packets,
    };
  }

  /** Ends all lanes and puts the host back as it was. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const sockets = [...this.#control.values()];
    this.#control.clear();
    for (const socket of sockets) socket.close();
    for (const port of [...this.#loops.keys()]) this.#closeLoop(port);
    for (const step of [() => this.#forwarding?.restore(), () => this.#kernel?.close()]) {
      await step()?.catch((error: unknown) => this.#o.log.error("could not clean up", { error: errorLine(error) }));
    }
  }
}
