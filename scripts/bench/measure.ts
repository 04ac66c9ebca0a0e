/** What the benches measure on machines of a lab: throughput, round trips, processor time and memory. */
import type { Host } from "../lab/lab.ts";
import { Failure, run } from "../lib/run.ts";
import { quantile } from "../lib/stats.ts";

/** TCP by iperf3 for `seconds` after one second of warm-up; the other end runs `iperf3 -s`. In Mbit/s. */
export async function throughput(from: Host, address: string, seconds: number): Promise<number> {
  const argv = ["iperf3", "-c", address, "-t", String(seconds), "-O", "1", "-J"];
  // The other end takes one test at a time, and may not be through with another path's yet.
  for (let tries = 0;; tries++) {
    const { stdout } = await from.run(argv, { codes: [0, 1], timeout: (seconds + 30) * 1000 });
    const answer = JSON.parse(stdout) as { end?: { sum_received?: { bits_per_second?: number } }; error?: string };
    const rate = answer.end?.sum_received?.bits_per_second;
    if (rate !== undefined) return rate / 1e6;
    if (tries === 10 || !answer.error?.includes("busy")) {
      throw new Failure(`iperf3 to ${address}: ${answer.error ?? "no result"}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Round trips of pings 5 ms apart. */
export interface Latency {
  p50: number;
  p99: number;
  lost: number;
}

/** Pings an address, in ms. @throws Failure when none is answered */
export async function latency(from: Host, address: string, count = 200): Promise<Latency> {
  const argv = ["ping", "-n", "-c", String(count), "-i", "0.005", "-W", "1", address];
  const { stdout } = await from.run(argv, { codes: [0, 1] });
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
  if (times.length === 0) throw new Failure(`No ping to ${address} was answered`);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), lost: count - times.length };
}

/** Processor time of a process so far, of all its threads and of the programs that it ran and that have ended, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const { stdout } = await run(["cat", `/proc/${pid}/stat`]);
  const fields = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
  // utime, stime, cutime and cstime of proc(5), in clock ticks of Linux
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Memory of a process alone and its share of what it shares (PSS), in MiB. */
export async function memoryMib(pid: number): Promise<number> {
  const { stdout } = await run(["cat", `/proc/${pid}/smaps_rollup`]);
  return Number(/^Pss:\s+(\d+) kB/m.exec(stdout)?.[1]) / 1024;
}
