/**
 * `deno task bench idle [--seconds N] [--out FILE]`: processor time and memory of a daemon with one direct peer that sends nothing, beside
 * nebula's and Tailscale's in the same minute, and its WireGuard by itself (Tailscale has its own in its daemon); in a throw-away world.
 */
import { cpuSeconds, memoryMib } from "./bench/measure.ts";
import { findNebula, startNebula } from "./bench/nebula.ts";
import { benchOptions, tell } from "./bench/options.ts";
import { findTailscale, Tailnet, type Tailscale, WITHOUT } from "./bench/tailscale.ts";
import { enterWorld } from "./lab/enter.ts";
import { Lab } from "./lab/lab.ts";
import { type Process, waitFor } from "./lab/process.ts";
import { admit, startNetwork, waitForRung } from "./lab/programs.ts";
import { addBehindNat, buildHomes, GATE } from "./lab/topology.ts";
import { main, run } from "./lib/run.ts";
import { table } from "./lib/stats.ts";

/** What starting leaves to do, the last large garbage collection included, is over after this, in ms. */
const SETTLE = 40_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A child process of this name, such as the daemon's wireguard-go; undefined with the kernel's WireGuard. */
async function childOf(pid: number, name: RegExp): Promise<number | undefined> {
  const { stdout } = await run(["ps", "-o", "pid=,args=", "--ppid", String(pid)], { codes: "any" });
  const line = stdout.split("\n").find((text) => name.test(text));
  return line === undefined ? undefined : Number.parseInt(line, 10);
}

/** Two machines of Tailscale's, behind routers of the same kind as ours, that reach each other directly; gives the first one's daemon. */
async function tailscaleDaemon(programs: Tailscale, lab: Lab): Promise<number> {
  const tailnet = await Tailnet.open(programs, lab);
  await tailnet.anew();
  const [ta, tb] = [await join("ta", 51), await join("tb", 52)];
  const { address } = await waitFor("Tailscale to know its peer", () => ta.peer("tb"));
  await waitFor("Tailscale's direct path", async () => {
    await ta.host.run(["ping", "-c", "1", "-W", "1", address], { codes: "any" });
    return (await ta.peer("tb"))?.kind === "direct" && (await tb.peer("ta"))?.kind === "direct";
  });
  return ta.daemon.pid;

  async function join(name: string, last: number) {
    const nat = { router: `n${name}`, address: `203.0.113.${last}`, lan: `10.9.${last}`, nat: "eim_apdf" } as const;
    return await tailnet.join(await addBehindNat(lab, name, nat));
  }
}

await main(async () => {
  const { seconds, out } = benchOptions({ rounds: 1, seconds: 60 });
  const say = (line: string) => console.log(line);
  await enterWorld({
    more: async () => {
      await findNebula(say, { build: true });
      await findTailscale(say, { build: true });
    },
  });
  const nebula = await findNebula(say, { build: false });
  const tailscale = await findTailscale(say, { build: false });
  await using lab = new Lab();
  await buildHomes(lab);
  const [alice, bob, gate] = [lab.host("alice"), lab.host("bob"), lab.host("gate")];
  const { gate: gateProcess } = await startNetwork(lab, alice);
  const [daemon] = await admit(alice, [alice, bob]) as [Process, Process];
  await waitForRung(alice, "bob", "direct");
  const watched = new Map([["ghostlink, one direct peer", daemon.pid], ["ghostgate, two sessions", gateProcess.pid]]);
  const wireguard = await childOf(daemon.pid, /wireguard/);
  if (wireguard !== undefined) watched.set("its wireguard-go", wireguard);
  if (nebula) {
    const nodes = [{ host: alice, relayed: false }, { host: bob, relayed: false }];
    await startNebula(nebula, { lighthouse: gate, at: GATE, nodes, mtu: 1280 });
    watched.set("nebula, one direct peer", alice.processes.find(({ name }) => name.endsWith(" nebula"))!.pid);
  } else say("nebula: skipped, neither Go >= 1.23 nor Debian's nebula is here");
  if (tailscale) watched.set("tailscaled, one direct peer", await tailscaleDaemon(tailscale, lab));
  else say(`Tailscale: ${WITHOUT}`);
  await sleep(SETTLE);
  const cpu = async () =>
    new Map(await Promise.all([...watched].map(async ([n, pid]) => [n, await cpuSeconds(pid)] as const)));
  const before = await cpu();
  await sleep(seconds * 1000);
  const after = await cpu();
  const rows = [["idle", "CPU of one core", "memory (PSS)"]];
  const figures: Record<string, { cpu: number; mib: number }> = {};
  for (const [name, pid] of watched) {
    const figure = { cpu: (after.get(name)! - before.get(name)!) / seconds, mib: await memoryMib(pid) };
    figures[name] = figure;
    rows.push([name, `${(figure.cpu * 100).toFixed(2)}%`, `${figure.mib.toFixed(1)} MiB`]);
  }
  await tell(`${seconds} s, nothing sent\n\n${table(rows)}`, { out, json: { version: 1, seconds, figures } });
});
