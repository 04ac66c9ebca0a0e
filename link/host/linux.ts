/** Linux: WireGuard, iproute2, nftables and the files of /etc. What it drives is loaded by nobody else (tests/platform/platform_test.ts). */
import { findTool, systemRunner } from "../../mesh/host/runner.ts";
import { systemWay } from "./dns/system.ts";
import { killSwitch, KillTable } from "./exit/kill_switch.ts";
import { groupNumber } from "./groups.ts";
import { IpTool } from "./ip.ts";
import { startIpMonitor } from "./ip_monitor.ts";
import { LastResort } from "./last_resort.ts";
import { Machine } from "./machine.ts";
import type { Platform } from "./platform.ts";
import { readSshKeys } from "./ssh_keys.ts";
import { checkTools } from "./tools.ts";

const runner = systemRunner;

async function killTable(iface: string): Promise<KillTable> {
  return new KillTable({ runner, nft: await findTool("nft", "apt-get install nftables"), iface });
}

async function ipTool(iface: string): Promise<IpTool> {
  return new IpTool({ runner, tools: { ip: await findTool("ip", "apt-get install iproute2") }, iface });
}

export const linux: Platform = {
  release: () => `linux ${Deno.osRelease()}`.slice(0, 64),
  check: async () => void await checkTools(runner),
  openMachine: async (o) => await Machine.open({ ...o, runner, tools: await checkTools(runner) }),
  watchNetwork: async (o) => {
    const ip = await findTool("ip", "apt-get install iproute2");
    return startIpMonitor({ ...o, runner, tools: { ip } });
  },
  resolverWay: (o) => systemWay({ ...o, runner }),
  ping: async (address) => {
    const ping = await findTool("ping", "apt-get install iputils-ping");
    const { stdout } = await runner.run(ping, ["-n", "-c", "1", "-W", "2", address]);
    const time = /time=([\d.]+) ms/.exec(stdout)?.[1];
    return time === undefined ? null : Number(time);
  },
  groupNumber: (name) => groupNumber(name),
  holdKillSwitch: async (iface, { lan }) => {
    const table = await killTable(iface);
    if (await table.holds()) return;
    const tool = await ipTool(iface);
    const others = { tunnels: await tool.tunnels(), ports: [] };
    await table.set(killSwitch(await tool.networks(), { ports: null, services: [], others, lan }));
  },
  killSwitchHolds: async (iface) => await (await killTable(iface)).holds(),
  releaseKillSwitch: async (iface) => await (await killTable(iface)).set(null),
  releaseLastResort: async (iface, owner) => await LastResort.release({ ip: await ipTool(iface), owner }),
  sshHostKeys: () => readSshKeys(),
};
