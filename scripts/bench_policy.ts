/**
 * `deno task bench policy [--rounds N] [--seconds N] [--out FILE]`: how long a policy of 500 rules takes to be read, compiled for 10,000
 * machines and made into one machine's filter, how long nft takes to load a filter, and what a loaded one costs in throughput: TCP
 * through a WireGuard tunnel, where filters work, and over a bare cable, which is ten times as fast and shows the filter's own cost; no
 * filter and one of 10,000 machines in turns within one run, in a throw-away world. Many short rounds, each with
 * its own ratio, so that what else the machine does hits both alike; the result is their median, with the interval that holds it.
 */
import { compile, filterFor, parsePolicy, recompile, renderFilter, seenBy } from "../mesh/policy/mod.ts";
import type { PolicyNode } from "../mesh/policy/mod.ts";
import { bareTunnel, wireguardKind } from "./lab/bare.ts";
import { type Host, Lab } from "./lab/lab.ts";
import { waitFor } from "./lab/process.ts";
import { throughput } from "./bench/measure.ts";
import { benchOptions, tell } from "./bench/options.ts";
import { interleave, interval, ratios, verdict } from "./bench/rounds.ts";
import { enterWorld } from "./lab/enter.ts";
import { main } from "./lib/run.ts";
import { median, medianInterval, table } from "./lib/stats.ts";

const TAGS = 250;
/** How often the compiler is timed. */
const COMPILES = 5;
/** What a filter may cost. */
const GOAL = 0.95;

function policyText(): string {
  const names = Array.from({ length: TAGS }, (_, i) => `t${i}`);
  return `[tags]\n${names.map((n) => `${n} = []\n`).join("")}` +
    names.map((n, i) =>
      `[[allow]]\nfrom = ["tag:${n}"]\nto = ["tag:${names[(i + 1) % TAGS]}"]\nports = ["tcp/${i + 1}"]\n` +
      `[[allow]]\nfrom = ["u${i}@x.y", "tag:${n}"]\nto = ["10.${i}.0.0/16"]\n`
    ).join("");
}

function machines(count: number): PolicyNode[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `id${i}`,
    name: `n${i}`,
    tags: [`tag:t${i % TAGS}`],
    user: `u${i % TAGS}@x.y`,
    ipv4: `100.${64 + (i >> 14)}.${i >> 6 & 255}.${(i & 63) * 4 + 1}`,
    ipv6: `fd00::${(i * 2 + 1).toString(16)}`,
  }));
}

function timed<T>(work: () => T): { ms: number; value: T } {
  const start = performance.now();
  const value = work();
  return { ms: performance.now() - start, value };
}

function compiling(rounds: number): string[][] {
  const text = policyText(), nodes = machines(10_000);
  const routes = Array.from({ length: 50 }, (_, i) => ({ prefix: `10.${i}.0.0/16`, node: `id${i}` }));
  const times: Record<string, number[]> = {};
  const note = <T>(name: string, work: () => T): T => {
    const { ms, value } = timed(work);
    (times[name] ??= []).push(ms);
    return value;
  };
  for (let i = 0; i < rounds; i++) {
    const policy = note("read 500 rules", () => parsePolicy(text));
    const compiled = note("compile for 10,000 machines, 50 routes", () => compile(policy, { nodes, routes }));
    const changed = new Map([["id5000", { ...nodes[5000]!, tags: ["tag:t7"] }]]);
    note("compile after one machine changed", () => recompile(compiled, changed));
    note("whom one machine sees", () => seenBy(compiled, "id60"));
    note("one machine's filter", () => filterFor(compiled, "id60"));
  }
  return Object.entries(times).map(([name, list]) => [name, `${median(list).toFixed(1)} ms`]);
}

/** A table with a filter that lets `count` sources (one of them the bench's own) open any flow. */
function filterTable(count: number): string {
  const nodes = machines(count - 1);
  nodes.push({ id: "me", name: "me", tags: [], user: null, ipv4: "100.127.0.1", ipv6: "fd01::1" });
  nodes.push({ id: "peer", name: "peer", tags: [], user: null, ipv4: "100.127.0.2", ipv6: "fd01::2" });
  const policy = parsePolicy('[[allow]]\nfrom = ["*"]\nto = ["*"]\n');
  const filter = filterFor(compile(policy, { nodes, routes: [] }), "me");
  return `add table inet bench\ndelete table inet bench\ntable inet bench {\n${
    renderFilter(filter, { iface: "tun0" })
  }}\n`;
}

const ME = "100.127.0.1";
const PEER = "100.127.0.2";
const TABLES: Record<string, string> = {
  none: "add table inet bench\ndelete table inet bench\n",
  filter: filterTable(10_000),
};

/** Two machines, and how `peer` sends to `me`, whose filter is on an interface `tun0` of this kind. */
async function pair(lab: Lab, way: "tunnel" | "cable"): Promise<[me: Host, peer: Host]> {
  const [me, peer] = [await lab.addHost(`me-${way}`), await lab.addHost(`peer-${way}`)];
  const iface = way === "cable" ? "tun0" : "eth0";
  await lab.connect(me, iface, peer, iface);
  const [mine, theirs] = way === "cable" ? [ME, PEER] : ["10.88.0.1", "10.88.0.2"];
  for (const [host, address] of [[me, mine], [peer, theirs]] as const) {
    await host.run(["ip", "address", "add", `${address}/30`, "dev", iface]);
    await host.run(["ip", "link", "set", iface, ...(way === "cable" ? ["mtu", "1280"] : []), "up"]);
  }
  if (way === "tunnel") {
    const ends = [{ host: peer, address: PEER, endpoint: theirs }, { host: me, address: ME, endpoint: mine }] as const;
    await bareTunnel(await wireguardKind(), [...ends], { mtu: 1280, iface: "tun0" });
  }
  me.spawn("iperf3", ["iperf3", "-s"]);
  await waitFor("iperf3", async () => (await me.sh("ss -ltnH 'sport = :5201'")).stdout !== "");
  return [me, peer];
}

async function bench(): Promise<void> {
  const { rounds, seconds, out } = benchOptions({ rounds: 24, seconds: 1 });
  await enterWorld();
  const rows = compiling(COMPILES);
  await using lab = new Lab();
  const applied: number[] = [];
  const json: Record<string, unknown> = {};
  const pairs = { tunnel: await pair(lab, "tunnel"), cable: await pair(lab, "cable") };
  const names = Object.keys(pairs).flatMap((way) => Object.keys(TABLES).map((table) => `${way} ${table}`));
  const samples = await interleave(names, {
    rounds,
    measure: async (name, round) => {
      const [way, table] = name.split(" ") as [keyof typeof pairs, string];
      const [me, peer] = pairs[way];
      const start = performance.now();
      await me.run(["nft", "-f", "-"], { stdin: TABLES[table]! });
      if (table === "filter") applied.push(performance.now() - start);
      const mbit = await throughput(peer, ME, seconds);
      console.log(`round ${round + 1}/${rounds}  ${name.padEnd(13)}  ${mbit.toFixed(0)} Mbit/s`);
      return mbit;
    },
  });
  rows.push(["load a filter of 10,000 machines (20,000 addresses)", `${median(applied).toFixed(0)} ms`]);
  for (const way of Object.keys(pairs)) {
    const [plain, filtered] = [samples.get(`${way} none`)!, samples.get(`${way} filter`)!];
    const each = ratios(samples, [`${way} filter`, `${way} none`], (mbit) => mbit);
    rows.push([`${way} without a filter`, `${median(plain).toFixed(0)} Mbit/s`]);
    rows.push([`${way} with it`, `${median(filtered).toFixed(0)} Mbit/s`]);
    rows.push([`${way}: ratio within each round, 95% interval`, interval(each, 3)]);
    if (way === "tunnel") rows.push([`goal in the tunnel: at least ${GOAL}`, verdict(each, GOAL)]);
    json[way] = { ratio: median(each), interval: medianInterval(each), plain, filtered };
  }
  await tell(table([["what", "median"], ...rows]), { out, json: { version: 2, rounds, seconds, ...json } });
}

await main(bench);
