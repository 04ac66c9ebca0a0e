/**
 * The lanes of a gate as its host has them: in the kernel where nftables, forwarding and privilege allow, else through this
 * process, by the same actions of the core. When the kernel takes no more changes, lanes that it carried go on through this process;
 * it is asked again at every look.
 */
import type { Log } from "../../../mesh/host/log.ts";
import { findTool, type Runner } from "../../../mesh/host/runner.ts";
import { type Egress, type ForwardGuard, Forwarding } from "../../../mesh/host/forwarding.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import type { GateEvent } from "../../core/event.ts";
import type { LaneAction } from "../../core/lanes/event.ts";
import type { LaneAddress, LanePath } from "../../core/lanes/lane.ts";
import type { PortRange } from "../../core/lanes/ports.ts";
import { type Carried, kernelCarries } from "../../core/lanes/rules.ts";
import { isLaneControl } from "../../../mesh/wire/lane.ts";
import { sourceOf } from "../../core/source.ts";
import { AddressSockets } from "../address_sockets.ts";
import { hears, isFar } from "../addresses.ts";
import type { HostWatch, OwnAddress } from "../host_watch.ts";
import { forgetTable, noteTable } from "../leftovers.ts";
import { addCounts, type LaneCounts, noCounts } from "./counts.ts";
import { KernelLanes } from "./kernel.ts";
import { Loops } from "./loops.ts";

export interface LaneServiceOptions {
  /** The address of `listen`. */
  hostname: string;
  ports: PortRange;
  /** Where the QUIC server listens; STUN that comes there is led here by the kernel. */
  quic: number;
  /** Takes that STUN. */
  stun(bytes: Uint8Array, from: Deno.NetAddr, send: (answer: Uint8Array) => void): void;
  /** Bytes a second: what one node may send over all its lanes, and all nodes together; null is as much as they can. */
  nodeRate: number | null;
  networkRate: number | null;
  /** Calls for a look at counters, addresses and the kernel. */
  watch: HostWatch;
  stateDir: string;
  runner: Runner;
  log: Log;
  now(): number;
  /** Never the kernel: for tests, and `lanes_kernel = false`. */
  loopOnly?: boolean;
}

/** Sums since the start. */
export interface LaneTraffic extends LaneCounts {
  mode: "kernel" | "loop";
  /** Packets among them that this process carried. */
  loopPackets: number;
}

/** A lane's way, once both ends have proved an address. */
type Way = Pick<LaneAction & { t: "lane-path" }, "path" | "nodes">;

export class LaneService {
  readonly #o: LaneServiceOptions;
  readonly #loops: Loops;
  /** Where the kernel's rules lead control STUN: the first port of the range, which a firewall that lets the range in lets in too. */
  readonly #control: AddressSockets;
  #kernel: KernelLanes | null = null;
  #forwarding: Forwarding | null = null;
  /** The interfaces that it was set for last. */
  #egresses = "";
  /** Every lane that there is. */
  readonly #lanes = new Map<number, Way | null>();
  /** Numbers of the nodes that have lanes. */
  readonly #payers = new Map<string, number>();
  #payerSerial = 0;
  #handle: (event: GateEvent) => void = () => {};
  #unfollow: () => void = () => {};
  /** The look under way: while the kernel's tools hang there is no second one. */
  #looking: Promise<void> | null = null;

  private constructor(o: LaneServiceOptions) {
    this.#o = o;
    this.#control = new AddressSockets({
      port: o.ports.first,
      log: o.log,
      without: "no lanes over this address yet",
      heard: (bytes, from, local) =>
        isLaneControl(bytes)
          ? this.#heard(bytes, from, local)
          : o.stun(bytes, from, (answer) => this.#control.send(local, answer, from)),
    });
    this.#loops = new Loops({ ...o, control: (bytes, from) => this.#heard(bytes, from, null) });
  }

  /** Sets up what this host allows. */
  static async open(o: LaneServiceOptions): Promise<LaneService> {
    const service = new LaneService(o);
    // A gate that only this machine can reach has nothing to forward in the kernel.
    if (!o.loopOnly && service.#locals().length > 0) await service.#openKernel();
    service.#unfollow = o.watch.follow(() => {
      service.#looking ??= service.#look().finally(() => service.#looking = null);
    });
    return service;
  }

  get mode(): "kernel" | "loop" {
    return this.#kernel?.carries ? "kernel" : "loop";
  }

  /** Whom to tell. */
  attach(handle: (event: GateEvent) => void): void {
    this.#handle = handle;
  }

  async #openKernel(): Promise<void> {
    const { runner, log, ports, quic, nodeRate, networkRate } = this.#o;
    try {
      const nft = await findTool("nft", "apt-get install nftables");
      const sysctl = await findTool("sysctl", "apt-get install procps");
      const file = `${this.#o.stateDir}/forwarding.json`;
      this.#forwarding = new Forwarding({ runner, tools: { sysctl }, iface: null, file });
      await this.#forwarding.recover();
      const guards = await this.#forward(this.#forwarding);
      const table = `ghostgate_${ports.first}`;
      const rules = { table, ports, control: ports.first, quic, nodeRate, networkRate, joins: true, guards };
      const kernel = new KernelLanes({ runner, nft, log, rules, lost: () => this.#fall() });
      await noteTable(this.#o.stateDir, table);
      await kernel.load();
      this.#kernel = kernel;
      this.#control.follow(this.#locals().map(({ address }) => address));
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      log.warn("lanes go through this process, not the kernel: ghostgate check says what is missing", {
        error: errorLine(error),
      });
      await forgetTable(this.#o.stateDir, `ghostgate_${ports.first}`);
      await this.#forwarding?.restore().catch(() => {});
      this.#forwarding = null;
    }
  }

  #locals(): OwnAddress[] {
    return this.#o.watch.addresses().filter(({ address }) => isFar(address) && hears(this.#o.hostname, address));
  }

  /** The interfaces of these addresses, each once and in an order that does not change by itself. */
  #egress(): Egress[] {
    const all = new Map(
      this.#locals().map(({ address, iface }): [string, Egress] => {
        const family = address.includes(":") ? 6 : 4;
        return [`${iface}/${family}`, { iface, family }];
      }),
    );
    return [...all.keys()].sort().map((key) => all.get(key)!);
  }

  /** Lets these interfaces forward, and no others. @returns what has to be guarded */
  async #forward(forwarding: Forwarding): Promise<ForwardGuard[]> {
    const egress = this.#egress();
    const guards = await forwarding.set(egress);
    this.#egresses = JSON.stringify(egress);
    return guards;
  }

  /** Brings sockets, forwarding and guards in line with the host's addresses, and with what others have made of forwarding. */
  async #follow(kernel: KernelLanes): Promise<void> {
    this.#control.follow(this.#locals().map(({ address }) => address));
    const forwarding = this.#forwarding!;
    const yielded = await forwarding.yielded();
    if (!yielded && JSON.stringify(this.#egress()) === this.#egresses) return;
    this.#egresses = ""; // tried again if it does not work
    await kernel.guard(await this.#forward(forwarding));
  }

  #heard(bytes: Uint8Array, from: Deno.NetAddr, local: string | null): void {
    const { address } = sourceOf(from.hostname, from.port);
    this.#handle({ t: "lane-control", bytes, from: { address, port: from.port, local } });
  }

  /** Does what the core asks. */
  do(action: LaneAction): void {
    switch (action.t) {
      case "lane-open":
        this.#lanes.set(action.port, null);
        if (this.mode === "loop") this.#loop(action.port);
        else this.#hold(action.port);
        return;
      case "lane-path":
        this.#lanes.set(action.port, action);
        return this.#carry(action.port, action);
      case "lane-close":
        this.#lanes.delete(action.port);
        this.#kernel?.set(action.port, null);
        return this.#loops.close(action.port);
      case "lane-answer":
        return this.#answer(action);
    }
  }

  #answer({ port, bytes, to }: { port: number; bytes: Uint8Array; to: LaneAddress }): void {
    const mapped = to.local === null && this.#o.hostname.includes(":") && !to.address.includes(":");
    const address: Deno.NetAddr = {
      transport: "udp",
      hostname: mapped ? `::ffff:${to.address}` : to.address,
      port: to.port,
    };
    if (to.local !== null) this.#control.send(to.local, bytes, address);
    else this.#loops.send(port, bytes, address);
  }

  /** The gate's own addresses. */
  #own(): Set<string> {
    return new Set(this.#o.watch.addresses().map(({ address }) => address));
  }

  #carry(port: number, { path, nodes }: Way, own: ReadonlySet<string> = this.#own()): void {
    if (this.mode === "kernel" && kernelCarries(path, own)) {
      this.#kernel!.set(port, this.#carried(port, path, nodes));
      return this.#loops.close(port);
    }
    this.#kernel?.set(port, null);
    if (this.#loop(port)) this.#loops.set(port, path, nodes);
  }

  /** No path is proved yet. */
  #hold(port: number): void {
    this.#kernel?.set(port, { port, path: null, payers: [0, 0] });
  }

  #carried(port: number, path: LanePath, nodes: readonly [string, string]): Carried {
    return { port, path, payers: [this.#payer(nodes[0]), this.#payer(nodes[1])] };
  }

  #payer(node: string): number {
    const number = this.#payers.get(node) ?? ++this.#payerSerial;
    this.#payers.set(node, number);
    return number;
  }

  /** False when the port is another program's; the core is told. */
  #loop(port: number): boolean {
    try {
      this.#loops.open(port);
      return true;
    } catch (error) {
      this.#o.log.debug("a lane's port is taken", { port, error });
      queueMicrotask(() => this.#handle({ t: "lane-failed", port }));
      return false;
    }
  }

  /** The kernel carries nothing any more: this process does. */
  #fall(): void {
    this.#o.log.error("lanes go through this process until the kernel takes them again", { lanes: this.#lanes.size });
    for (const [port, way] of this.#lanes) if (this.#loop(port) && way) this.#loops.set(port, way.path, way.nodes);
  }

  /** Asks a kernel that took nothing once more; what it takes leaves this process. */
  async #climb(kernel: KernelLanes): Promise<void> {
    try {
      await kernel.load();
    } catch (error) {
      return this.#o.log.debug("still no lanes in the kernel", { error: errorLine(error) });
    }
    this.#o.log.info("the kernel takes lanes again");
    const own = this.#own();
    for (const [port, way] of this.#lanes) {
      if (way) this.#carry(port, way, own);
      else {
        this.#hold(port);
        this.#loops.close(port);
      }
    }
  }

  /** Nodes whose lanes have all ended are forgotten. */
  #forgetPayers(): void {
    const paying = new Set([...this.#lanes.values()].flatMap((way) => way?.nodes ?? []));
    for (const node of this.#payers.keys()) if (!paying.has(node)) this.#payers.delete(node);
  }

  async #look(): Promise<void> {
    this.#forgetPayers();
    const ports = this.#loops.used();
    const kernel = this.#kernel;
    const failed = (error: unknown) => {
      this.#o.log.error("cannot look after the kernel's lanes", { error: errorLine(error) });
    };
    try {
      if (kernel) {
        await this.#follow(kernel).catch(failed); // lanes in use stay in use
        if (!kernel.carries) await this.#climb(kernel);
        else if (this.#lanes.size > 0) ports.push(...await kernel.used());
      }
    } catch (error) {
      failed(error);
    }
    if (ports.length > 0) this.#handle({ t: "lane-used", ports });
  }

  async traffic(): Promise<LaneTraffic> {
    const sum = await this.#kernel?.counts() ?? noCounts();
    const loops = this.#loops.counts();
    addCounts(sum, loops);
    return { mode: this.mode, ...sum, loopPackets: loops.packets };
  }

  async #removeTable(): Promise<void> {
    if (!this.#kernel) return;
    await this.#kernel.close();
    await forgetTable(this.#o.stateDir, `ghostgate_${this.#o.ports.first}`);
  }

  /** Ends all lanes and puts the host back as it was. */
  async close(): Promise<void> {
    this.#unfollow();
    await this.#looking;
    this.#control.close();
    this.#loops.closeAll();
    for (const step of [() => this.#forwarding?.restore(), () => this.#removeTable()]) {
      await step()?.catch((error: unknown) => this.#o.log.error("could not clean up", { error: errorLine(error) }));
    }
  }
}
