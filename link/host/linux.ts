/** Linux: WireGuard, iproute2, nftables and the files of /etc. What it drives is loaded by nobody else (tests/platform_test.ts). */
import { findTool, systemRunner } from "../../mesh/host/runner.ts";
import { killTable, removeKillSwitch, renderKillSwitch } from "../core/plan/mod.ts";
import { systemWay } from "./dns/system.ts";
import { groupNumber } from "./groups.ts";
import { IpTool } from "./ip.ts";
import { startIpMonitor } from "./ip_monitor.ts";
import { Machine } from "./machine.ts";
import type { Platform } from "./platform.ts";
import { readSshKeys } from "./ssh_keys.ts";
import { checkTools, runTool } from "./tools.ts";

const runner = systemRunner;
const nft = () => findTool("nft", "apt-get install nftables");

async function holds(iface: string): Promise<boolean> {
  return (await runner.run(await nft(), ["-t", "list", "table", "inet", killTable(iface)])).code === 0;
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
  holdKillSwitch: async (iface, o) => {
    if (await holds(iface)) return;
    const ip = await findTool("ip", "apt-get install iproute2");
    const { lan, containers, uplinks } = await new IpTool({ runner, tools: { ip }, iface }).networks();
    const kill = {
      ports: null,
      services: [],
      lan: o.lan ? lan : [],
      containers,
      uplinks: Object.values(uplinks).flat(),
    };
    await runTool(runner, [await nft(), "-f", "-"], { stdin: renderKillSwitch(iface, kill) });
  },
  killSwitchHolds: holds,
  releaseKillSwitch: async (iface) => {
    await runTool(runner, [await nft(), "-f", "-"], { stdin: removeKillSwitch(iface) });
  },
  sshHostKeys: () => readSshKeys(),
};
