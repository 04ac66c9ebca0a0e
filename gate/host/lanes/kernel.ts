/** Lanes in the kernel: the gate's nftables table, brought in line with what the core wants by one small transaction at a time. */
import type { Log } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { toolError } from "../../../mesh/host/tool.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import {
  type Carried,
  removeLaneTable,
  renderLaneChange,
  renderLaneTable,
  type RuleOptions,
} from "../../core/lanes/rules.ts";

/** What the kernel has counted. */
export interface KernelCounts {
  packets: number;
  bytes: number;
  unproved: number;
  limited: number;
}

export class KernelLanes {
  readonly #runner: Runner;
  readonly #nft: string;
  readonly #log: Log;
  #rules: RuleOptions;
  readonly #wanted = new Map<number, Carried>();
  readonly #loaded = new Map<number, Carried>();
  readonly #dirty = new Set<number>();
  #running: Promise<void> | null = null;
  #lastData = new Map<number, number>();

  constructor(o: { runner: Runner; nft: string; log: Log; rules: RuleOptions }) {
    this.#runner = o.runner;
    this.#nft = o.nft;
    this.#log = o.log;
    this.#rules = o.rules;
  }

  /** Loads the table, in place of what a crashed gate left. @throws GhostError `missing_privilege`, or what nft said */
  async load(): Promise<void> {
    const lanes = [...this.#wanted.values()];
    this.#dirty.clear();
    await this.#apply(renderLaneTable(this.#rules, lanes));
    this.#loaded.clear();
    for (const lane of lanes) this.#loaded.set(lane.port, lane);
  }

  /** Carries this lane from now on, or no longer. */
  set(port: number, lane: Carried | null): void {
    if (lane) this.#wanted.set(port, lane);
    else this.#wanted.delete(port);
    this.#dirty.add(port);
    this.#running ??= this.#flush().finally(() => this.#running = null);
  }

  async #flush(): Promise<void> {
    await Promise.resolve(); // what comes in one go is one transaction
    while (this.#dirty.size > 0) {
      const ports = [...this.#dirty];
      this.#dirty.clear();
      const gone = ports.flatMap((port) => this.#loaded.get(port) ?? []);
      const come = ports.flatMap((port) => this.#wanted.get(port) ?? []);
      try {
        await this.#apply(renderLaneChange(this.#rules.table, gone, come));
        for (const port of ports) this.#loaded.delete(port);
        for (const lane of come) this.#loaded.set(lane.port, lane);
      } catch (error) {
        this.#log.warn("the lanes' table did not take a change and is loaded again", { error: errorLine(error) });
        await this.load().catch((error) => this.#log.error("no lanes in the kernel now", { error: errorLine(error) }));
      }
    }
  }

  /** Ports over which data has gone since the last call. Loads the table again if somebody has removed it. */
  async used(): Promise<number[]> {
    const result = await this.#runner.run(this.#nft, ["-j", "list", "set", "inet", this.#rules.table, "data"]);
    if (result.code !== 0) {
      this.#log.warn("the lanes' table was gone and is loaded again");
      await this.load();
      return [];
    }
    const now = new Map(countersOf(result.stdout));
    const used = [...now].filter(([port, packets]) => packets > (this.#lastData.get(port) ?? 0)).map(([port]) => port);
    this.#lastData = now;
    return used;
  }

  async counts(): Promise<KernelCounts> {
    const { code, stdout } = await this.#runner.run(this.#nft, [
      "list",
      "counters",
      "table",
      "inet",
      this.#rules.table,
    ]);
    const read = (name: string) =>
      new RegExp(`counter ${name} \\{\\s*packets (\\d+) bytes (\\d+)`).exec(code === 0 ? stdout : "")?.slice(1).map(
        Number,
      ) ??
        [0, 0];
    const [packets, bytes] = read("forwarded") as [number, number];
    return { packets, bytes, unproved: read("unproved")[0]!, limited: read("limited")[0]! };
  }

  /** Removes the table. */
  async close(): Promise<void> {
    await this.#running;
    await this.#apply(removeLaneTable(this.#rules.table));
  }

  async #apply(text: string): Promise<void> {
    if (text === "") return;
    const result = await this.#runner.run(this.#nft, ["-f", "-"], { stdin: text });
    if (result.code !== 0) throw toolError(result, `nft table inet ${this.#rules.table}`);
  }
}

/** Port and packets of each element of a set with counters, from `nft -j list set`. */
function countersOf(text: string): [number, number][] {
  return [...text.matchAll(/"val": (\d+), "counter": \{"packets": (\d+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
}
