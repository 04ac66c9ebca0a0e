/** The lanes that go through this process, with the same bounds on rates that the kernel keeps for the others (rules.ts). */
import { Bucket } from "../../core/bucket.ts";
import type { LanePath } from "../../core/lanes/lane.ts";
import { addCounts, type LaneCounts, noCounts } from "./counts.ts";
import { LoopLane } from "./loop.ts";

export interface LoopsOptions {
  /** The address of `listen`. */
  hostname: string;
  /** Bytes a second of one node, and of all; null is as much as they can. */
  nodeRate: number | null;
  networkRate: number | null;
  now(): number;
  /** Takes control STUN that came to a lane's own socket. */
  control(bytes: Uint8Array, from: Deno.NetAddr): void;
}

export class Loops {
  readonly #o: LoopsOptions;
  readonly #lanes = new Map<number, LoopLane>();
  /** What nodes may still send; those with a lane here have one. */
  readonly #budgets = new Map<string, Bucket>();
  readonly #all: Bucket | null;
  readonly #gone: LaneCounts = noCounts();

  constructor(o: LoopsOptions) {
    this.#o = o;
    this.#all = bucketOf(o.networkRate, o.now());
  }

  /** Takes the port. @throws Deno.errors.AddrInUse when another program has it */
  open(port: number): LoopLane {
    const found = this.#lanes.get(port);
    if (found) return found;
    const { hostname, control } = this.#o;
    const lane = new LoopLane({ hostname, port, control });
    this.#lanes.set(port, lane);
    return lane;
  }

  /** Passes packets on a port that is open. */
  set(port: number, path: LanePath, nodes: readonly [string, string]): void {
    const spend = ([0, 1] as const).map((end) => (bytes: number) => {
      const now = this.#o.now();
      return (this.#budget(nodes[end], now)?.take(bytes, now) ?? true) && (this.#all?.take(bytes, now) ?? true);
    });
    this.#lanes.get(port)?.set(path, [spend[0]!, spend[1]!]);
  }

  #budget(node: string, now: number): Bucket | null {
    const found = this.#budgets.get(node) ?? bucketOf(this.#o.nodeRate, now);
    if (found) this.#budgets.set(node, found);
    return found;
  }

  send(port: number, bytes: Uint8Array, to: Deno.NetAddr): void {
    this.#lanes.get(port)?.send(bytes, to);
  }

  close(port: number): void {
    const lane = this.#lanes.get(port);
    if (!lane) return;
    this.#lanes.delete(port);
    addCounts(this.#gone, lane.counts);
    lane.close();
    if (this.#lanes.size === 0) this.#budgets.clear();
  }

  closeAll(): void {
    for (const port of [...this.#lanes.keys()]) this.close(port);
  }

  /** Ports over which data has gone since the last call. */
  used(): number[] {
    const used = [...this.#lanes.values()].filter((lane) => lane.used);
    for (const lane of used) lane.used = false;
    return used.map((lane) => lane.port);
  }

  counts(): LaneCounts {
    const sum = { ...this.#gone };
    for (const lane of this.#lanes.values()) addCounts(sum, lane.counts);
    return sum;
  }
}

/** A second's worth at once, as in the kernel's rules, and never less than 256 KiB. */
function bucketOf(rate: number | null, now: number): Bucket | null {
  return rate === null ? null : new Bucket({ rate, burst: Math.max(256 << 10, rate) }, now);
}
