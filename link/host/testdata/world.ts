// deno-lint-ignore-file ghostmesh/no-console -- part of tests
/**
 * Two machines in network namespaces of a throw-away world, each with a tunnel made by this folder's code. To be used by
 * programs that run inside `unshare` (see ../world_test.ts); nothing here touches the host's own network.
 *
 * ```
 *   a  10.0.0.1, fd00:a::1 ----- veth ----- 10.0.0.2, fd00:a::2  b
 * ```
 */
import { createLog } from "../../../mesh/host/log.ts";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { type BoxKey, boxKeyFromSeed } from "../../../mesh/trust/keys.ts";
import {
  type DesiredPeer,
  type DesiredState,
  type IpStep,
  planAddresses,
  planRoutes,
  planWireGuard,
  type TableParts,
  type WgStep,
} from "../../core/plan/mod.ts";
import { IpTool } from "../ip.ts";
import { LinkTable } from "../nft.ts";
import { checkTools, type LinkTools, runTool } from "../tools.ts";
import { WireGuard } from "../wg.ts";
import { type Device, openDevice } from "../wg_device.ts";

/** WireGuard's port on every machine of the world. */
export const WG_PORT = 51820;

/** Runs programs in a network namespace. `ip netns exec` becomes the program, so pids and signals are its own. */
function netnsRunner(tools: LinkTools, ns: string): Runner {
  const inside = (cmd: string, args: readonly string[]) => ["netns", "exec", ns, cmd, ...args];
  return {
    run: (cmd, args, options) => systemRunner.run(tools.ip, inside(cmd, args), options),
    spawn: (cmd, args, options) => systemRunner.spawn(tools.ip, inside(cmd, args), options),
  };
}

/** Waits for an outcome; throws when it does not come. */
export async function eventually(what: string, done: () => Promise<boolean>, limit = 15_000): Promise<void> {
  for (const end = Date.now() + limit; !await done();) {
    if (Date.now() > end) throw new Error(`Did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Options of a machine's tunnel. */
export interface MachineOptions {
  /** Paths of wireguard-go; the link's own list unless said. */
  programs?: readonly string[];
  owner?: string;
}

/** A machine with a tunnel. */
export class Machine {
  readonly ns: string;
  readonly iface: string;
  readonly runner: Runner;
  readonly tools: LinkTools;
  readonly wg: WireGuard;
  readonly ip: IpTool;
  readonly table: LinkTable;
  device!: Device;
  key: BoxKey;
  restarts = 0;
  /** Pids of what was spawned, in order. */
  readonly pids: number[] = [];
  readonly #keys = new Map<string, string>();

  constructor(ns: string, tools: LinkTools, key: BoxKey) {
    this.ns = ns;
    this.iface = `ghost-${ns}`; // a `-`, because nftables does not take it in names
    this.tools = tools;
    const runner = netnsRunner(tools, ns);
    this.runner = {
      run: runner.run,
      spawn: (...args) => {
        const child = runner.spawn(...args);
        this.pids.push(child.pid);
        return child;
      },
    };
    const o = { runner: this.runner, tools, iface: this.iface };
    this.wg = new WireGuard(o);
    this.ip = new IpTool(o);
    this.table = new LinkTable(o);
    this.key = key;
    this.learn(key);
  }

  learn(key: BoxKey): void {
    this.#keys.set(key.public, key.private);
  }

  async open(o: MachineOptions = {}): Promise<Device> {
    return this.device = await openDevice({
      name: this.iface,
      owner: o.owner ?? this.ns,
      runner: this.runner,
      tools: this.tools,
      log: createLog(this.ns, { level: "error" }),
      onRestart: () => void this.restarts++,
      ...(o.programs ? { programs: o.programs } : {}),
    });
  }

  desired(n: number, peers: DesiredPeer[], nft: TableParts | null = null): DesiredState {
    return {
      iface: this.iface,
      publicKey: this.key.public,
      listenPort: WG_PORT,
      addresses: [`100.64.0.${n}/32`, `fd00:64::${n}/128`],
      mtu: 1280,
      peers,
      routes: peers.flatMap((p) => p.allowedIps.map((prefix) => ({ prefix }))),
      nft,
    };
  }

  /** Plans and applies; gives the steps that were needed. */
  async apply(desired: DesiredState): Promise<{ wg: WgStep[]; ip: IpStep[]; nft: boolean }> {
    const wg = planWireGuard(desired, await this.wg.show());
    await this.wg.apply(wg, (key) => this.#keys.get(key)!);
    const ip = [
      ...planAddresses(desired, await this.ip.addresses()),
      ...planRoutes(desired.routes, (await this.ip.routes()).tunnel),
    ];
    await this.ip.apply(ip);
    const nft = desired.nft !== null && await this.table.load(desired.nft);
    return { wg, ip, nft };
  }

  /** Sends pings and tells how many came back. */
  async ping(address: string, { count, interval }: { count: number; interval: number }): Promise<string> {
    const args = ["-n", "-q", "-c", `${count}`, "-i", `${interval}`, "-W", "3", address];
    const { stdout } = await this.runner.run("/usr/bin/ping", args, { timeout: 120_000 });
    return /(\d+) packets transmitted, (\d+) received/.exec(stdout)?.[0] ?? stdout;
  }

  async run(...command: [string, ...string[]]): Promise<string> {
    return await runTool(this.runner, command);
  }

  async close(): Promise<void> {
    await this.table.remove();
    await this.device.close();
  }
}

/** Makes the two machines, without tunnels. */
export async function makeWorld(): Promise<{ a: Machine; b: Machine; tools: LinkTools }> {
  const tools = await checkTools(systemRunner);
  const ip = (line: string) => runTool(systemRunner, [tools.ip, ...line.split(" ")]);
  await runTool(systemRunner, ["/usr/bin/mount", "-t", "tmpfs", "none", "/run"]);
  const [a, b] = await Promise.all(["a", "b"].map(async (ns) => {
    await ip(`netns add ${ns}`);
    await ip(`-n ${ns} link set lo up`);
    return new Machine(ns, tools, await boxKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))));
  })) as [Machine, Machine];
  await ip("link add eth0 netns a type veth peer name eth0 netns b");
  for (const [ns, n] of [["a", 1], ["b", 2]] as const) {
    await ip(`-n ${ns} addr add 10.0.0.${n}/24 dev eth0`);
    await ip(`-n ${ns} addr add fd00:a::${n}/64 dev eth0 nodad`);
    await ip(`-n ${ns} link set eth0 up`);
  }
  return { a, b, tools };
}

/** A peer as the tests want it. */
export function peerOf(machine: Machine, n: number, endpoint: DesiredPeer["endpoint"]): DesiredPeer {
  return {
    publicKey: machine.key.public,
    endpoint,
    endpointPolicy: "pin",
    allowedIps: [`100.64.0.${n}/32`, `fd00:64::${n}/128`],
    keepalive: 25,
  };
}

/** A helper program in a machine's namespace (relay.ts, stun_socket.ts), once it has said its first line. */
export async function helper(
  machine: Machine,
  file: string,
  args: readonly string[],
): Promise<{ lines: string[]; ended: Promise<unknown>; stop: () => Promise<void> }> {
  const lines: string[] = [];
  const path = new URL(file, import.meta.url).pathname;
  const child = machine.runner.spawn(Deno.execPath(), ["run", "-A", "--no-prompt", "--cached-only", path, ...args], {
    env: Deno.env.toObject(),
    onLine: (line, stream) => stream === "stdout" ? lines.push(line) : console.error(`${machine.ns}: ${line}`),
  });
  await eventually(`${file} says something`, () => Promise.resolve(lines.length > 0));
  return {
    lines,
    ended: child.status,
    stop: async () => {
      child.kill();
      await child.status;
    },
  };
}
