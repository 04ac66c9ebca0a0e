/** Lanes in the kernel: the gate's nftables table, brought in line with what the core wants by one small transaction at a time. */
import type { Log } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { runTool } from "../../../mesh/host/tool.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import { InTurn } from "../../../mesh/wire/in_turn.ts";
import { type Carried, renderLaneChange, renderLaneTable, type RuleOptions } from "../../core/lanes/rules.ts";
import { removeTable } from "../../core/nft.ts";
import type { LaneCounts } from "./counts.ts";

export class KernelLanes {
  readonly #runner: Runner;
  readonly #nft: string;
  readonly #log: Log;
  readonly #lost: () => void;
  #rules: RuleOptions;
  readonly #wanted = new Map<number, Carried>();
  readonly #loaded = new Map<number, Carried>();
  readonly #dirty = new Set<number>();
  #flushing = false;
  /** One transaction at a time. */
  readonly #turns = new InTurn();
  #lastData = new Map<number, number>();
  #carries = false;

  /** @param o.lost the kernel has taken no change and not the whole table either: it carries nothing until `load` works again */
  constructor(o: { runner: Runner; nft: string; log: Log; rules: RuleOptions; lost(): void }) {
    this.#runner = o.runner;
    this.#nft = o.nft;
    this.#log = o.log;
    this.#rules = o.rules;
    this.#lost = o.lost;
  }

  /** Whether the kernel has the table. */
  get carries(): boolean {
    return this.#carries;
  }

  /** Loads the table, in place of what a crashed gate left. @throws GhostError `missing_privilege`, or what nft said */
  async load(): Promise<void> {
    await this.#turns.run(() => this.#load());
  }

  async #load(): Promise<void> {
    const lanes = [...this.#wanted.values()];
    this.#dirty.clear();
    await this.#applyTable(lanes);
    this.#loaded.clear();
    for (const lane of lanes) this.#loaded.set(lane.port, lane);
    this.#lastData = new Map();
    this.#carries = true;
  }

  /** Does without the joining of fragments where the kernel takes everything else. */
  async #applyTable(lanes: Carried[]): Promise<void> {
    try {
      await this.#apply(renderLaneTable(this.#rules, lanes));
    } catch (error) {
      if (!this.#rules.joins) throw error;
      const rules = { ...this.#rules, joins: false };
      await this.#apply(renderLaneTable(rules, lanes));
      this.#rules = rules;
      const why =
        "no TPROXY in the kernel: machines whose uplink is narrower than the tunnel's packets may get no lane";
      this.#log.warn(why, { error: errorLine(error) });
    }
  }

  /** Guards these interfaces from now on, and no others. */
  async guard(guards: RuleOptions["guards"]): Promise<void> {
    this.#rules = { ...this.#rules, guards };
    await this.#turns.run(async () => this.#carries && await this.#again("other interfaces are guarded"));
  }

  /** Loads the whole table; if that does not work either, the kernel is given up for now. */
  async #again(why: string): Promise<void> {
    this.#log.warn(`${why}: the lanes' table is loaded again`);
    try {
      await this.#load();
    } catch (error) {
      this.#log.error("no lanes in the kernel now", { error: errorLine(error) });
      this.#carries = false;
      this.#lost();
    }
  }

  /** Carries this lane from now on, or no longer. */
  set(port: number, lane: Carried | null): void {
    if (lane) this.#wanted.set(port, lane);
    else this.#wanted.delete(port);
    this.#dirty.add(port);
    if (this.#flushing) return;
    this.#flushing = true;
    void this.#turns.run(() => this.#flush());
  }

  async #flush(): Promise<void> {
    this.#flushing = false; // what comes from now on is the next turn's
    while (this.#carries && this.#dirty.size > 0) {
      const ports = [...this.#dirty];
      this.#dirty.clear();
      const gone = ports.flatMap((port) => this.#loaded.get(port) ?? []);
      const come = ports.flatMap((port) => this.#wanted.get(port) ?? []);
      try {
        await this.#apply(renderLaneChange(this.#rules.table, gone, come));
        for (const port of ports) this.#loaded.delete(port);
        for (const lane of come) this.#loaded.set(lane.port, lane);
      } catch (error) {
        await this.#again(`the kernel did not take a change (${errorLine(error)})`);
      }
    }
  }

  /** Ports over which data has gone since the last call. Loads the table again if somebody has removed it. */
  async used(): Promise<number[]> {
    const result = await this.#runner.run(this.#nft, ["-j", "list", "set", "inet", this.#rules.table, "data"]);
    if (result.code !== 0) {
      await this.#turns.run(() => this.#again("somebody has removed it"));
      return [];
    }
    const now = new Map(countersOf(result.stdout));
    const used = [...now].filter(([port, packets]) => packets > (this.#lastData.get(port) ?? 0)).map(([port]) => port);
    this.#lastData = now;
    return used;
  }

  async counts(): Promise<LaneCounts> {
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
    await this.#turns.run(() => this.#apply(removeTable(this.#rules.table)));
  }

  async #apply(text: string): Promise<void> {
    if (text === "") return;
    await runTool(this.#runner, [this.#nft, "-f", "-"], { stdin: text, place: `nft table inet ${this.#rules.table}` });
  }
}

/** Port and packets of each element of a set with counters, from `nft -j list set`. */
function countersOf(text: string): [number, number][] {
  return [...text.matchAll(/"val": (\d+), "counter": \{"packets": (\d+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
}
