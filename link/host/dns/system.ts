/**
 * How this machine's programs are led to our resolver, and back. One entry of `WAYS` each, the first that fits is taken:
 *
 * | way | when | what |
 * |---|---|---|
 * | resolved | resolvectl answers and resolv.conf leads to its stub | our domains alone, at the tunnel's link; the kernel takes it back with the interface |
 * | resolvconf | there is a resolvconf (openresolv or Debian's older one) | our server and domains under the tunnel's name |
 * | file | otherwise | /etc/resolv.conf, its text before kept in the state folder first, so that the next start puts back what a crash left |
 *
 * tests/lab/resolvers_test.ts runs the real ones of Debian: systemd 252, openresolv 3.12 and resolvconf 1.91. With systemd's DNSSEC
 * and DNS over TLS made obligatory it was tried by hand.
 *
 * With `resolvconf` and `file` every name of the machine comes to us, and what is not ours goes to the servers of before.
 */
import { readJson, writeJson } from "../../../mesh/host/state_dir.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { findTool } from "../../../mesh/host/runner.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { parse, z } from "../../../mesh/wire/schema.ts";
import { isOurs, parseResolvConf, renderResolvConf } from "../../core/dns/mod.ts";
import { runTool } from "../tools.ts";

/** What the machine's programs should be told. */
export interface SystemDns {
  /** Our resolver's address. */
  server: string;
  search: readonly string[];
  /** Domains that are asked of us even where other names are not. */
  domains: readonly string[];
}

/** Where things are. */
export interface SystemPlaces {
  runner: Runner;
  iface: string;
  /** `/etc/resolv.conf`, but for tests. */
  resolvConf: string;
  /** In the state folder: what was in resolv.conf before us. */
  file: string;
  /** Where systemd-resolved lists the servers that it knows, but for tests. */
  uplinks?: string;
  /** Where a program lies; null when it is not installed. */
  find?: (name: string) => Promise<string | null>;
}

/** A way to tell them. */
export interface SystemWay {
  name: "resolved" | "resolvconf" | "file";
  /** Brings the machine in line; may be called again and again. */
  apply(wanted: SystemDns): Promise<void>;
  /** Takes everything back. */
  restore(): Promise<void>;
  /** Servers that this machine asked before us. */
  upstreams(): Promise<readonly string[]>;
}

const STUB = "127.0.0.53";
const UPLINKS = "/run/systemd/resolve/resolv.conf";
const savedFile = z.strictObject({ version: z.literal(1), before: z.string().max(65_536) });

/** Entries in the order in which they are tried; null does not fit here. */
const WAYS: readonly ((o: SystemPlaces) => Promise<SystemWay | null>)[] = [resolved, resolvconf, file];

/** The way of this machine, after what a crash left was put back. */
export async function systemWay(o: SystemPlaces): Promise<SystemWay> {
  await restoreFile(o);
  for (const way of WAYS) {
    const found = await way(o);
    if (found) return found;
  }
  throw new GhostError("internal", "No way to tell this machine of our resolver");
}

async function tool(name: string): Promise<string | null> {
  try {
    return await findTool(name, "");
  } catch (error) {
    if (error instanceof GhostError && error.code === "missing_tool") return null;
    throw error;
  }
}

async function resolved(o: SystemPlaces): Promise<SystemWay | null> {
  const resolvectl = await (o.find ?? tool)("resolvectl");
  if (resolvectl === null || !parseResolvConf(await readText(o.resolvConf)).nameservers.includes(STUB)) return null;
  const run = (...args: string[]) => runTool(o.runner, [resolvectl, ...args]);
  let last = "";
  /** What it was told of a link goes with the interface, which may have been made anew since: `Link 7 (ghost0): 192.0.2.1`. */
  const holds = async (server: string) => {
    const { code, stdout } = await o.runner.run(resolvectl, ["dns", o.iface]);
    return code === 0 && stdout.trim().split(/\s+/).includes(server);
  };
  return {
    name: "resolved",
    async apply({ server, search, domains }) {
      const list = [...search, ...domains.filter((d) => !search.includes(d)).map((d) => `~${d}`)];
      const key = [server, ...list].join(" ");
      if (key === last && await holds(server)) return;
      await run("dns", o.iface, server);
      await run("domain", o.iface, ...list);
      await run("default-route", o.iface, "false");
      // Ours signs nothing and speaks no TLS: where a machine insists on either, the network's names would not resolve (tried).
      await run("dnssec", o.iface, "no");
      await run("dnsovertls", o.iface, "no");
      last = key;
    },
    async restore() {
      if (last !== "") await run("revert", o.iface);
      last = "";
    },
    // Not the stub: when all names are ours to answer, it would ask us again.
    upstreams: async () => parseResolvConf(await readText(o.uplinks ?? UPLINKS)).nameservers,
  };
}

/**
 * Two programs of one name, tried both: openresolv takes ours alone (`-x`) and drops what the others searched, so that is handed
 * in again; Debian's older resolvconf knows neither `-x` nor `-f`, and puts ours first because its records begin with `lo.`.
 */
async function resolvconf(o: SystemPlaces): Promise<SystemWay | null> {
  const program = await (o.find ?? tool)("resolvconf");
  if (program === null) return null;
  const { stdout: version } = await o.runner.run(program, ["--version"]);
  // systemd's resolvectl by another name: where it is in charge, resolv.conf leads to it.
  if (/^systemd /m.test(version)) return null;
  const older = /^Debian resolvconf/m.test(version);
  const name = older ? `lo.ghostlink-${o.iface}` : `${o.iface}.ghostlink`;
  let last = "";
  const remove = () => runTool(o.runner, [program, ...older ? [] : ["-f"], "-d", name]);
  /** What others have told it, and whether it has ours. */
  const look = async () => {
    const { stdout } = await o.runner.run(program, ["-l"]);
    const records = stdout.split(/^# resolv\.conf from /m).slice(1);
    const others = records.filter((text) => !text.startsWith(`${name}\n`));
    return { ours: others.length < records.length, others: parseResolvConf(others.join("\n")) };
  };
  await remove(); // what a crash left
  return {
    name: "resolvconf",
    async apply({ server, search }) {
      const { ours, others } = await look();
      const domains = older ? search : [...new Set([...search, ...others.search])];
      const stdin = `nameserver ${server}\n${domains.length > 0 ? `search ${domains.join(" ")}\n` : ""}`;
      if (stdin === last && ours) return;
      await runTool(o.runner, [program, ...older ? [] : ["-x"], "-a", name], { stdin });
      last = stdin;
    },
    async restore() {
      if (last !== "") await remove();
      last = "";
    },
    upstreams: async () => (await look()).others.nameservers,
  };
}

function file(o: SystemPlaces): Promise<SystemWay> {
  let before: string | null = null;
  return Promise.resolve({
    name: "file",
    async apply(wanted) {
      const now = await readText(o.resolvConf);
      if (!isOurs(now)) {
        // The first time, or somebody (DHCP, an admin) has written it anew: theirs is what comes back at the end.
        before = now;
        await writeJson(o.file, { version: 1, before });
      }
      const text = renderResolvConf(before ?? "", wanted);
      // In place: in a container the file is a mount, which nothing can be renamed over.
      if (text !== now) await Deno.writeTextFile(o.resolvConf, text);
    },
    restore: () => restoreFile(o),
    upstreams: () => Promise.resolve(parseResolvConf(before ?? "").nameservers),
  });
}

/** Puts back what was in resolv.conf before us, unless somebody has written it anew since. */
async function restoreFile(o: SystemPlaces): Promise<void> {
  const saved = await readJson(o.file);
  if (saved === undefined) return;
  const { before } = parse(savedFile, saved, o.file, "bad_config");
  if (isOurs(await readText(o.resolvConf))) await Deno.writeTextFile(o.resolvConf, before);
  await Deno.remove(o.file);
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
