/**
 * `deno task bench [--rounds N] [--seconds N] [--out FILE]`: TCP throughput (iperf3) and ping latency over bare WireGuard, over
 * GhostMesh direct, lane and quic, between two machines behind home NATs each, in a throw-away world. The
 * four take turns in one run, because absolute figures drift with the machine; medians are shown, and ratios are medians of
 * each round's ratio to bare. All four use the same kind of WireGuard, and the table says which.
 *
 * Bare and direct run between alice and bob; the lane between alice and dave, whose routers let no UDP pass between them; quic
 * between alice and erin, whose router stops lanes too.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { bareTunnel, wireguardKind } from "./lab/bare.ts";
import { type Host, Lab } from "./lab/lab.ts";
import {
  createToken,
  initNetwork,
  ipv4Of,
  joinLink,
  peers,
  setupCode,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "./lab/programs.ts";
import { waitFor } from "./lab/process.ts";
import { addBehindNat, blockLanes, blockUdp, buildHomes, ROUTER_A, ROUTER_B } from "./lab/topology.ts";
import { insideWorld, inWorld } from "./lab/world.ts";
import { Failure, main } from "./lib/run.ts";
import { median, table } from "./lib/stats.ts";
import { fetchImports, setUp } from "./setup.ts";

const BARE = "172.31.255.2";
const PATHS = ["bare", "direct", "lane", "quic"] as const;
type Path = (typeof PATHS)[number];

interface Options {
  rounds: number;
  seconds: number;
  out: string | undefined;
}

function options(): Options {
  const { values } = parseArgs({
    args: [...Deno.args],
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      out: { type: "string" },
    },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  if (!(rounds >= 1 && seconds >= 1)) throw new Failure("--rounds and --seconds are numbers of at least 1");
  // `deno task` changes into the clone; INIT_CWD is where the user is.
  const out = values.out === undefined ? undefined : resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), values.out);
  return { rounds, seconds, out };
}

/** One measurement of one path. */
interface Sample {
  mbit: number;
  pingMs: number;
  pingP95Ms: number;
}

async function throughput(from: Host, address: string, seconds: number): Promise<number> {
  const argv = ["iperf3", "-c", address, "-t", String(seconds), "-O", "1", "-J"];
  const { stdout } = await from.run(argv, { timeout: (seconds + 30) * 1000 });
  const answer = JSON.parse(stdout) as { end?: { sum_received?: { bits_per_second?: number } }; error?: string };
  const rate = answer.end?.sum_received?.bits_per_second;
  if (rate === undefined) throw new Failure(`iperf3 to ${address}: ${answer.error ?? "no result"}`);
  return rate / 1e6;
}

async function latency(from: Host, address: string): Promise<{ pingMs: number; pingP95Ms: number }> {
  const { stdout } = await from.run(["ping", "-n", "-c", "200", "-i", "0.005", address], { codes: [0, 1] });
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  if (times.length === 0) throw new Failure(`No ping to ${address} was answered`);
  return { pingMs: median(times), pingP95Ms: times[Math.floor(times.length * 0.95)]! };
}

async function buildMesh(lab: Lab): Promise<Record<Path, string>> {
  await buildHomes(lab);
  const dave = await addBehindNat(lab, "dave", {
    router: "nd",
    address: "203.0.113.4",
    lan: "10.9.3",
    nat: "eim_apdf",
  });
  const erin = await addBehindNat(lab, "erin", {
    router: "ne",
    address: "203.0.113.5",
    lan: "10.9.4",
    nat: "eim_apdf",
  });
  for (const router of ["nd", "ne"]) await blockUdp(lab.host(router), ROUTER_A);
  await blockLanes(lab.host("ne"));
  const alice = lab.host("alice");
  const mesh = await startMesh(lab.host("coordinator"));
  await initNetwork(alice, await setupCode(mesh));
  await startGate(lab.host("gate"), { token: await createToken(alice, "--gate") });
  const token = await createToken(alice, "--uses", "4");
  for (const host of [alice, lab.host("bob"), dave, erin]) await joinLink(host, token).line(/ is up: /);
  await waitFor("alice's session with the gate", async () => (await status(alice)).gates[0]?.connected);
  await waitForRung(alice, "bob", "direct");
  await waitForRung(alice, "erin", "quic");
  const found = await peers(alice);
  const address = (name: string) => ipv4Of(found.find((peer) => peer.name === name)!.addresses);
  const ping = alice.spawn("ping", ["ping", "-q", "-i", "0.2", address("dave")]); // a lane comes under data only
  await waitForRung(alice, "dave", "lane");
  await waitForRung(dave, "alice", "lane");
  await ping.stop("SIGINT", 3_000);
  for (const name of ["bob", "dave", "erin"]) lab.host(name).spawn("iperf3", ["iperf3", "-s"]);
  return { bare: BARE, direct: address("bob"), lane: address("dave"), quic: address("erin") };
}

async function checkRungs(alice: Host): Promise<void> {
  const now = await peers(alice);
  for (const [name, rung] of [["bob", "direct"], ["dave", "lane"], ["erin", "quic"]] as const) {
    const found = now.find((peer) => peer.name === name)?.path.rung;
    if (found !== rung) throw new Failure(`alice -> ${name} is ${found} after a round, expected ${rung}`);
  }
}

/** The result for people and for programs. */
function results(samples: Record<Path, Sample[]>): { rows: string[][]; json: Record<string, unknown> } {
  const rows = [["path", "TCP Mbit/s", "of bare", "ping ms", "p95 ms", "of bare"]];
  const json: Record<string, unknown> = {};
  const ratio = (path: Path, value: (sample: Sample) => number) =>
    median(samples[path].map((sample, i) => value(sample) / value(samples.bare[i]!)));
  for (const path of PATHS) {
    const all = samples[path];
    const row = {
      mbit: median(all.map((s) => s.mbit)),
      mbitOfBare: ratio(path, (s) => s.mbit),
      pingMs: median(all.map((s) => s.pingMs)),
      pingP95Ms: median(all.map((s) => s.pingP95Ms)),
      pingOfBare: ratio(path, (s) => s.pingMs),
      rounds: all,
    };
    json[path] = row;
    const cells = [row.mbit.toFixed(0), row.mbitOfBare.toFixed(3), row.pingMs.toFixed(3), row.pingP95Ms.toFixed(3)];
    rows.push([path === "bare" ? "bare WireGuard" : `GhostMesh ${path}`, ...cells, row.pingOfBare.toFixed(2)]);
  }
  return { rows, json };
}

async function bench(): Promise<void> {
  const { rounds, seconds, out } = options();
  if (!inWorld()) {
    await setUp((line) => console.log(line));
    await fetchImports();
  }
  await insideWorld();
  await using lab = new Lab();
  const kind = await wireguardKind();
  const addresses = await buildMesh(lab);
  const alice = lab.host("alice");
  const { interface: iface } = (await status(alice)).self;
  const mtu = Number(/ mtu (\d+)/.exec((await alice.run(["ip", "link", "show", iface])).stdout)?.[1]);
  await bareTunnel(
    kind,
    { host: alice, address: "172.31.255.1", endpoint: ROUTER_A },
    { host: lab.host("bob"), address: BARE, endpoint: ROUTER_B },
    mtu,
  );
  const samples: Record<Path, Sample[]> = { bare: [], direct: [], lane: [], quic: [] };
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another path, so that none profits from its place.
    for (let i = 0; i < PATHS.length; i++) {
      const path = PATHS[(round + i) % PATHS.length]!;
      const ping = await latency(alice, addresses[path]);
      const mbit = await throughput(alice, addresses[path], seconds);
      samples[path].push({ mbit, ...ping });
      console.log(
        `round ${round + 1}/${rounds}  ${path.padEnd(6)}  ${mbit.toFixed(0)} Mbit/s  ${ping.pingMs.toFixed(3)} ms`,
      );
    }
    await checkRungs(alice);
  }
  const { rows, json } = results(samples);
  const text = JSON.stringify({ version: 1, wireguard: kind.label, mtu, rounds, seconds, paths: json });
  console.log(`\n${kind.label}, MTU ${mtu}, ${rounds} rounds of ${seconds} s, TCP alice -> peer, medians\n`);
  console.log(`${table(rows)}\n\n${text}`);
  if (out !== undefined) await Deno.writeTextFile(out, `${text}\n`);
}

// A bench of its own, in a program of its own: it starts itself again inside a world.
if (Deno.args[0] === "policy") await import("./bench_policy.ts");
else await main(bench);
