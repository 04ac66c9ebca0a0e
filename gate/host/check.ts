/** `ghostgate check`: what this host lacks for what the config asks of it at full rate, each with the line to type. It changes nothing. */
import { findTool, type Runner } from "../../mesh/host/runner.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { PortRange } from "../core/lanes/ports.ts";
import { LANE_MARK } from "../core/lanes/rules.ts";

/** UDP buffers below this drop bursts of the QUIC and lane sockets, in bytes. */
const BUFFER = 4 << 20;

export interface Finding {
  what: string;
  /** Null: it is as it should be. */
  lack: string | null;
  /** What to type. */
  mend: string | null;
}

export interface CheckOptions {
  runner: Runner;
  /** Of lanes; null where there are none. */
  ports: PortRange | null;
  /** Whether lanes are to go through the kernel. */
  kernel: boolean;
  /** Whether the gate is to serve TURN. */
  turn?: boolean;
  /** Interfaces that lanes use. */
  interfaces: readonly string[];
}

/** All findings, in a fixed order. */
export async function checkHost(o: CheckOptions): Promise<Finding[]> {
  const tools = {
    nft: await tool("nft", "nftables"),
    sysctl: await tool("sysctl", "procps"),
    ethtool: await tool("ethtool", "ethtool"),
  };
  const read = async (key: string) => {
    if (tools.sysctl.path === null) return null;
    const { code, stdout } = await o.runner.run(tools.sysctl.path, ["-n", key]);
    return code === 0 ? stdout.trim() : null;
  };
  const kernel = o.kernel && o.ports !== null;
  const without = [kernel && "lanes go through the gate's process", o.turn && "there is no TURN service"].filter(
    Boolean,
  );
  const out: Finding[] = [];
  if (without.length > 0) out.push(await checkNft(o.runner, tools.nft, without.join(", and ")));
  if (o.turn) {
    const { path, mend } = await tool("turnserver", "coturn");
    const lack = path === null ? "not installed: machines whose network blocks UDP cannot be relayed" : null;
    out.push({ what: "coturn for the turn rung", lack, mend: lack && mend });
  }
  if (kernel) out.push(...await checkForwarding(o.runner, read, tools.nft.path));
  for (const key of ["net.core.rmem_max", "net.core.wmem_max"]) {
    const value = Number(await read(key) ?? NaN);
    const fine = value >= BUFFER;
    out.push({
      what: `UDP buffer ${key}`,
      lack: fine ? null : `${Number.isNaN(value) ? "unknown" : value} bytes`,
      mend: fine ? null : `sysctl -w ${key}=${BUFFER}`,
    });
  }
  if (o.ports) {
    const range = `${o.ports.first}-${o.ports.last}`;
    const fine = (await read("net.ipv4.ip_local_reserved_ports"))?.split(",").includes(range) ?? false;
    out.push({
      what: `lane ports ${range} kept from other programs`,
      lack: fine ? null : "any program may get one of them as its own",
      mend: fine ? null : `sysctl -w net.ipv4.ip_local_reserved_ports=${range}`,
    });
  }
  for (const iface of kernel ? o.interfaces : []) out.push(await checkGro(o.runner, tools.ethtool, iface));
  return out;
}

interface Tool {
  path: string | null;
  lack: string | null;
  mend: string;
}

async function tool(name: string, debianPackage: string): Promise<Tool> {
  const mend = `apt-get install ${debianPackage}`;
  try {
    return { path: await findTool(name, mend), lack: null, mend };
  } catch (error) {
    return { path: null, lack: errorLine(error), mend };
  }
}

/** @param without what follows when there is none */
async function checkNft(runner: Runner, nft: Tool, without: string): Promise<Finding> {
  const what = "nftables with privilege";
  if (nft.path === null) return { what, lack: `nft is not installed: ${without}`, mend: nft.mend };
  const { code } = await runner.run(nft.path, ["list", "tables"]);
  if (code === 0) return { what, lack: null, mend: null };
  const mend = "start it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)";
  return { what, lack: `not permitted: ${without}`, mend };
}

async function checkForwarding(
  runner: Runner,
  read: (key: string) => Promise<string | null>,
  nft: string | null,
): Promise<Finding[]> {
  const out: Finding[] = [];
  for (const [family, key] of [["IPv4", "net.ipv4.ip_forward"], ["IPv6", "net.ipv6.conf.all.forwarding"]] as const) {
    const value = await read(key);
    const off = value === null ? "cannot be read" : "off; a gate with privilege switches it on for lanes alone";
    const fine = value === "1";
    out.push({ what: `${family} forwarding`, lack: fine ? null : off, mend: fine ? null : `sysctl -w ${key}=1` });
  }
  if (nft !== null) out.push(await checkForwardPolicy(runner, nft));
  return out;
}

/** Another table's forward policy "drop" drops lanes too, whatever this gate's own table says. */
async function checkForwardPolicy(runner: Runner, nft: string): Promise<Finding> {
  const { stdout } = await runner.run(nft, ["list", "chains"]);
  const dropped: string[] = [];
  let table = "";
  let chain = "";
  for (const line of stdout.split("\n")) {
    table = /^table (\w+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s*chain (\S+) \{/.exec(line)?.[1] ?? chain;
    if (/hook forward .*policy drop/.test(line)) dropped.push(`${table} ${chain}`);
  }
  const mark = `0x${LANE_MARK.toString(16)}`;
  return {
    what: "the host's own firewall lets lanes through",
    lack: dropped.length === 0 ? null : `policy drop in chain ${dropped.join(", ")}`,
    mend: dropped.length === 0
      ? null
      : dropped.map((c) => `nft insert rule ${c} "meta mark & 0xffff0000 == ${mark} accept"`).join("; "),
  };
}

async function checkGro(runner: Runner, ethtool: Tool, iface: string): Promise<Finding> {
  const what = `rx-udp-gro-forwarding on ${iface}`;
  if (ethtool.path === null) return { what, lack: "unknown without ethtool", mend: ethtool.mend };
  const { stdout } = await runner.run(ethtool.path, ["-k", iface]);
  const value = /^rx-udp-gro-forwarding: (\S+)(.*)$/m.exec(stdout);
  if (value?.[1] === "on" || value?.[2]?.includes("fixed")) return { what, lack: null, mend: null };
  return { what, lack: value ? "off" : "unknown", mend: `ethtool -K ${iface} rx-udp-gro-forwarding on` };
}

/** The findings as lines for people. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ what, lack, mend }) =>
    lack === null ? [`ok    ${what}`] : [`lacks ${what}: ${lack}`, ...(mend === null ? [] : [`      ${mend}`])]
  );
}
