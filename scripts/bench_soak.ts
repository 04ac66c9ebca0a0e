/**
 * `deno task bench soak [--minutes N] [--snapshots N] [--out FILE]`: do daemons grow? Something happens to the mesh every few seconds (NAT
 * tables flushed, gates killed, cables out, addresses and keys changed, paths blocked), while memory, open files and children of those
 * that stay are read. What the heap holds after a full collection is what counts: the rest is garbage that V8 has not looked for yet.
 * `--snapshots N` writes heap snapshots beside FILE, N on the way and one at the end, for Chromium's developer tools; writing one takes
 * hundreds of MiB, which the process keeps, so RSS tells nothing after it. In a throw-away world.
 */
import { dirname } from "node:path";
import type { Heap } from "./bench/heap.ts";
import { memoryMib } from "./bench/measure.ts";
import { benchOptions, tell } from "./bench/options.ts";
import { INSPECTOR, soakWorld, type Watched } from "./bench/soak_world.ts";
import { enterWorld } from "./lab/enter.ts";
import { Lab } from "./lab/lab.ts";
import { Failure, main, PROJECT, run } from "./lib/run.ts";
import { median, slope, table } from "./lib/stats.ts";

/** What one of them was seen with. */
interface Sample {
  /** Seconds since the start. */
  at: number;
  rssMib: number;
  pssMib: number;
  heap: Heap;
  /** The heap was collected just before it was read. */
  collected: boolean;
  files: number;
  children: number;
  threads: number;
}

/** Between two looks, in ms; every third one collects garbage first, so that in between all is as it is without us. */
const LOOK_EVERY = 20_000;
const COLLECT_EVERY = 3;
/** Between two blows, in ms. */
const PAUSE = 4000;
const MIB = 1 << 20;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function heapOf({ host }: Watched, what: string): Promise<Heap> {
  const allowed = ["--allow-net=127.0.0.1", ...what.includes("/") ? [`--allow-write=${dirname(what)}`] : []];
  const argv = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...allowed];
  const { stdout } = await host.run([...argv, `${PROJECT}/scripts/bench/heap.ts`, String(INSPECTOR), what]);
  return JSON.parse(stdout) as Heap;
}

async function look(one: Watched, o: { at: number; what: string }): Promise<Sample> {
  const { pid } = one.process;
  if (!one.process.running) throw new Failure(`${one.name} has ended\n${one.process.tail()}`);
  const count = async (argv: readonly string[]) =>
    (await run(argv, { codes: "any" })).stdout.split("\n").filter(Boolean).length;
  const [status, pssMib, files, children] = await Promise.all([
    run(["cat", `/proc/${pid}/status`]),
    memoryMib(pid),
    count(["ls", `/proc/${pid}/fd`]),
    count(["ps", "-o", "pid=", "--ppid", String(pid)]),
  ]);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status.stdout)?.[1]);
  const heap = await heapOf(one, o.what);
  const collected = o.what !== "look";
  return {
    at: o.at,
    rssMib: number("VmRSS") / 1024,
    pssMib,
    heap,
    collected,
    files,
    children,
    threads: number("Threads"),
  };
}

/** Medians of the second and of the last fifth of a run: "30.1 -> 30.4". */
function between(values: readonly number[], digits: number): string {
  const fifth = Math.max(1, Math.floor(values.length / 5));
  return `${median(values.slice(fifth, 2 * fifth)).toFixed(digits)} -> ${median(values.slice(-fifth)).toFixed(digits)}`;
}

await main(async () => {
  const { own: { minutes, snapshots }, out } = benchOptions({ rounds: 1, seconds: 1 }, { minutes: 25, snapshots: 0 });
  if (snapshots > 0 && out === undefined) throw new Failure("--snapshots writes beside --out FILE: name one");
  await enterWorld();
  await using lab = new Lab();
  const { watched, blows } = await soakWorld(lab);
  const start = performance.now();
  const over = () => performance.now() - start > minutes * 60_000;
  const samples = new Map<string, Sample[]>(watched.map(({ name }) => [name, []]));
  let struck = 0;
  const strike = async () => {
    for (; !over(); struck++) {
      const [name, blow] = blows[struck % blows.length]!;
      try {
        await blow();
      } catch (error) {
        console.log(`${name}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
      }
      await sleep(PAUSE);
    }
  };
  const lookAll = async (what: (one: Watched) => string) => {
    const at = Math.round((performance.now() - start) / 1000);
    for (const one of watched) samples.get(one.name)!.push(await look(one, { at, what: what(one) }));
    const cells = watched.map(({ name }) => {
      const last = samples.get(name)!.at(-1)!;
      const heap = `${(last.heap.used / MIB).toFixed(1)}${last.collected ? "*" : ""}`;
      return `${name} ${last.rssMib.toFixed(0)} ${heap} ${last.files}/${last.children}/${last.threads}`;
    });
    console.log(`${at} s, ${struck} blows: ${cells.join(" | ")}`);
  };
  const snapshot = (number: number) => lookAll(({ name }) => `${out}.${name.replace(" ", "-")}.${number}.heapsnapshot`);
  console.log("RSS MiB, heap MiB (* collected), open files/children/threads of each");
  const striking = strike();
  let shot = 0;
  for (let i = 1; !over(); i++) {
    await sleep(LOOK_EVERY);
    if (snapshots > shot && performance.now() - start > (shot + 1) * minutes * 60_000 / (snapshots + 2)) {
      await snapshot(++shot);
    } else await lookAll(() => i % COLLECT_EVERY === 0 ? "collect" : "look");
  }
  await striking;
  await sleep(LOOK_EVERY);
  if (snapshots > 0) await snapshot(++shot);
  else await lookAll(() => "collect");

  const rows = [[
    "after chaos",
    "RSS, MiB",
    "heap collected, MiB",
    "its growth, MiB/h",
    "buffers, MiB",
    "files",
    "children",
  ]];
  for (const { name } of watched) {
    const all = samples.get(name)!;
    const collected = all.filter((sample) => sample.collected);
    const settled = collected.slice(Math.floor(collected.length / 5));
    rows.push([
      name,
      between(all.map((s) => s.rssMib), 0),
      between(collected.map((s) => s.heap.used / MIB), 2),
      slope(settled.map((s) => [s.at / 3600, s.heap.used / MIB] as const)).toFixed(2),
      between(collected.map((s) => s.heap.buffers / MIB), 2),
      between(all.map((s) => s.files), 0),
      between(all.map((s) => s.children), 0),
    ]);
  }
  const text = `${minutes} minutes, ${struck} blows; medians of the second and of the last fifth\n\n${table(rows)}`;
  await tell(text, { out, json: { version: 1, minutes, blows: struck, samples: Object.fromEntries(samples) } });
});
