/**
 * `deno task bench gate [--sessions N] [--lanes N] [--rounds N] [--seconds N] [--out FILE]`: what one gate holds and costs, in a throw-away
 * world; 0 leaves a part out. The nodes are programs of our own on the same two cores, with real identities, real sessions over
 * QUIC and real proofs of address.
 *
 * - Sessions: how fast they come, what each costs in processor time and memory of the gate, and all of them idle for `seconds`.
 * - Lanes: how fast they come, whether a packet crosses each of them, what they cost idle, and the throughput of the lane that
 *   was there first, beside the direct path in the same round, before and while there are the others.
 */
import { Load, targetOf } from "./bench/load.ts";
import type { LoadTarget } from "./bench/load_node.ts";
import { cpuSeconds, memoryMib, throughput } from "./bench/measure.ts";
import { type BenchMesh, benchMesh } from "./bench/mesh.ts";
import { BENCH_USAGE, benchOptions, tell } from "./bench/options.ts";
import { interleave, ratios } from "./bench/rounds.ts";
import { enterWorld } from "./lab/enter.ts";
import { type Host, Lab } from "./lab/lab.ts";
import { waitFor } from "./lab/process.ts";
import { GATE_TOML } from "./lab/programs.ts";
import { misuse } from "./lib/options.ts";
import { main } from "./lib/run.ts";
import { median, quantile, spread, table } from "./lib/stats.ts";

/** What the issue asks of a gate on two cores. */
const GOAL = 10_000;
const METRICS = 9_100;
/** Ports for more lanes than the default has. */
const CONFIG = `${GATE_TOML}lanes = "30000-49999"\nmetrics = ${METRICS}\n`;
/** What starting leaves to do is over after this, in ms. */
const SETTLE = 5_000;
/** How many of the first and the last are compared. */
const EDGE = 500;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Told {
  opened: number;
  seconds: number;
  why: string;
}

/** What the gate itself counts. */
async function gauge(gate: Host, name: "sessions" | "lanes"): Promise<number> {
  const script = `console.log(await (await fetch("http://127.0.0.1:${METRICS}/metrics")).text())`;
  const { stdout } = await gate.run([Deno.execPath(), "eval", "--no-config", script]);
  return Number(new RegExp(`^ghostgate_${name}(?:\\{.*\\})? (\\d+)`, "m").exec(stdout)?.[1]);
}

/** Ends a load, and waits until the gate has no more sessions than before. */
async function ended(load: Load, gate: Host, sessions: number): Promise<void> {
  await load.stop();
  await waitFor("the end of the sessions", async () => await gauge(gate, "sessions") <= sessions, { every: 500 });
}

/** How many came a second: all, the first and the last ones. */
function rates(load: Load, { opened, seconds }: Told): { all: number; first: number; last: number } {
  const marks = load.all<Told>("opening");
  const [first, last, before] = [marks[0], marks.at(-1), marks.at(-2)];
  const all = opened / seconds;
  return {
    all,
    first: first ? EDGE / first.seconds : all,
    last: last && before ? EDGE / (last.seconds - before.seconds) : all,
  };
}

/** Processor time of the gate in seconds, and its memory in MiB. */
interface Cost {
  cpu: number;
  mib: number;
}

async function costOf(pid: number): Promise<Cost> {
  return { cpu: await cpuSeconds(pid), mib: await memoryMib(pid) };
}

/** What `count` things cost from `before` over `opened` to `held`, idle for `seconds` of that. */
function costs(count: number, o: { before: Cost; opened: Cost; held: Cost; ownIdle: number; seconds: number }) {
  const idle = (o.held.cpu - o.opened.cpu) / o.seconds - o.ownIdle;
  return {
    setUpCpuMs: (o.opened.cpu - o.before.cpu) / count * 1000,
    kibEach: (o.held.mib - o.before.mib) * 1024 / count,
    mib: o.held.mib,
    idleOfACore: idle,
    idleMicrosecondsEach: idle / count * 1e6,
  };
}

interface Part {
  mesh: BenchMesh;
  load: Host;
  target: LoadTarget;
  seconds: number;
  /** Of a core, before there is any load. */
  ownIdle: number;
}

async function sessionsPart(part: Part, wanted: number) {
  const { gate, gateHost } = part.mesh;
  const own = await gauge(gateHost, "sessions");
  const load = Load.start(part.load, {
    file: "load_sessions.ts",
    order: { ...part.target, sessions: wanted - own },
  });
  await load.told("made");
  const before = await costOf(gate.pid);
  const told = await load.told<Told>("opened", { timeout: 300_000 });
  await sleep(SETTLE);
  const opened = await costOf(gate.pid);
  await sleep(part.seconds * 1000);
  const held = await costOf(gate.pid);
  const alive = await load.told<{ held: number; why: string }>("held", { fresh: true });
  const counted = await gauge(gateHost, "sessions");
  const speed = rates(load, told);
  await ended(load, gateHost, own);
  const after = await memoryMib(gate.pid);
  return {
    wanted,
    sessions: counted,
    alive: alive.held + own,
    why: told.why || alive.why,
    perSecond: speed,
    ...costs(counted - own, { before, opened, held, ownIdle: part.ownIdle, seconds: part.seconds }),
    mibBefore: before.mib,
    mibAfter: after,
  };
}

/** The first lane beside the direct path. */
async function firstLane({ mesh }: Part, o: { rounds: number; say(line: string): void; others: number }) {
  const samples = await interleave(["direct", "lane"], {
    rounds: o.rounds,
    async measure(name) {
      const mbit = await throughput(mesh.alice, mesh.addresses.get(name)!, 2);
      o.say(`${name.padEnd(6)}  ${mbit.toFixed(0)} Mbit/s beside ${o.others} other lanes`);
      return mbit;
    },
  });
  return { mbit: samples.get("lane")!, ofDirect: ratios(samples, ["lane", "direct"], (mbit) => mbit) };
}

async function lanesPart(part: Part, o: { wanted: number; rounds: number; say(line: string): void }) {
  const { gate, gateHost } = part.mesh;
  const alone = await firstLane(part, { ...o, others: 0 });
  const [own, sessions] = [await gauge(gateHost, "lanes"), await gauge(gateHost, "sessions")];
  const load = Load.start(part.load, {
    file: "load_lanes.ts",
    order: { ...part.target, lanes: o.wanted - own },
  });
  await load.told("made");
  await sleep(1_000);
  const before = await costOf(gate.pid);
  const told = await load.told<Told & { times: number[] }>("opened", { timeout: 300_000 });
  const opening = await costOf(gate.pid);
  const { packets } = await load.told<{ packets: number }>("crossed");
  await sleep(SETTLE);
  const opened = await costOf(gate.pid);
  await sleep(part.seconds * 1000);
  const held = await costOf(gate.pid);
  const counted = await gauge(gateHost, "lanes");
  const speed = rates(load, told);
  const among = await firstLane(part, { ...o, others: counted - own });
  const still = await gauge(gateHost, "lanes");
  await ended(load, gateHost, sessions);
  const { setUpCpuMs: _, ...rest } = costs(counted - own, {
    before,
    opened,
    held,
    ownIdle: part.ownIdle,
    seconds: part.seconds,
  });
  return {
    wanted: o.wanted,
    lanes: counted,
    still,
    why: told.why,
    perSecond: speed,
    firstMs: median(told.times.slice(0, EDGE)),
    lastMs: median(told.times.slice(-EDGE)),
    p99Ms: quantile(told.times, 0.99),
    crossed: packets,
    of: told.opened,
    setUpCpuMs: (opening.cpu - before.cpu) / told.opened * 1000,
    ...rest,
    alone,
    among,
  };
}

const whole = (n: number) => Math.round(n).toLocaleString("en");
const rateText = (r: { all: number; first: number; last: number }) =>
  `${whole(r.all)} a second (the first ${EDGE} at ${whole(r.first)}, the last at ${whole(r.last)})`;
const reached = (n: number, wanted: number, why: string) =>
  `${whole(n)} of ${whole(wanted)} (goal ${whole(GOAL)})${n < wanted && why ? `: ${why}` : ""}`;

function sessionRows(s: Awaited<ReturnType<typeof sessionsPart>>, seconds: number): string[][] {
  return [
    ["sessions", ""],
    ["held by the gate", reached(s.sessions, s.wanted, s.why)],
    [`alive after ${seconds} s`, whole(s.alive)],
    ["set up, the nodes on the same cores", rateText(s.perSecond)],
    ["CPU of the gate to set one up", `${s.setUpCpuMs.toFixed(2)} ms`],
    [
      "memory of the gate for each",
      `${s.kibEach.toFixed(0)} KiB (${s.mibBefore.toFixed(0)} MiB -> ${s.mib.toFixed(0)})`,
    ],
    ["memory after they ended", `${s.mibAfter.toFixed(0)} MiB`],
    ["all idle", `${(s.idleOfACore * 100).toFixed(1)}% of a core`],
    ["one idle", `${s.idleMicrosecondsEach.toFixed(1)} microseconds of CPU a second`],
  ];
}

function laneRows(l: Awaited<ReturnType<typeof lanesPart>>): string[][] {
  return [
    ["lanes in the kernel", ""],
    ["held by the gate", reached(l.lanes, l.wanted, l.why)],
    ["a packet crossed", `${whole(l.crossed)} of ${whole(l.of)}`],
    ["set up, both ends on the same cores", rateText(l.perSecond)],
    ["from asking to crossing, 64 at once", `${l.firstMs.toFixed(0)} ms, the last ${EDGE} ${l.lastMs.toFixed(0)} ms`],
    ["CPU of the gate to set one up", `${l.setUpCpuMs.toFixed(2)} ms`],
    ["memory of the gate for each", `${l.kibEach.toFixed(1)} KiB`],
    ["all idle, proved again every 20 s", `${(l.idleOfACore * 100).toFixed(1)}% of a core`],
    ["first lane / direct, alone", `${spread(l.alone.ofDirect, 2)}, ${spread(l.alone.mbit, 0)} Mbit/s`],
    ["first lane / direct, among all", `${spread(l.among.ofDirect, 2)}, ${spread(l.among.mbit, 0)} Mbit/s`],
  ];
}

await main(async () => {
  const { rounds, seconds, own: { sessions, lanes }, out } = benchOptions({ rounds: 2, seconds: 10 }, {
    sessions: GOAL,
    lanes: GOAL,
  });
  if (sessions > GOAL) throw misuse(`--sessions: a gate takes ${GOAL} at most`, BENCH_USAGE);
  await enterWorld();
  const say = (line: string) => console.log(line);
  await using lab = new Lab();
  const mesh = await benchMesh(lab, CONFIG);
  const target = await targetOf(mesh.gateHost, mesh.alice);
  await sleep(SETTLE);
  const idle = await cpuSeconds(mesh.gate.pid);
  await sleep(SETTLE);
  const ownIdle = (await cpuSeconds(mesh.gate.pid) - idle) / (SETTLE / 1000);
  const part: Part = { mesh, load: lab.host("carol"), target, seconds, ownIdle };
  const laneResult = lanes > 0 ? await lanesPart(part, { wanted: lanes, rounds, say }) : null;
  const sessionResult = sessions > 0 ? await sessionsPart(part, sessions) : null;
  const parts = [
    `one gate and its load on ${navigator.hardwareConcurrency} cores, ${mesh.kind.label}`,
    ...(sessionResult ? [table(sessionRows(sessionResult, seconds))] : []),
    ...(laneResult ? [table(laneRows(laneResult))] : []),
  ];
  await tell(parts.join("\n\n"), { out, json: { version: 1, seconds, sessions: sessionResult, lanes: laneResult } });
});
