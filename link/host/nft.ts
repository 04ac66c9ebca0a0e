/**
 * The link's own nftables table: loaded whole in one transaction (a load that fails leaves the old one in force), with
 * small changes of the bridges as elements of its maps. No other table is read or touched.
 */
import { InTurn } from "../../mesh/wire/in_turn.ts";
import { hasTable } from "../../mesh/host/nft.ts";
import type { Runner } from "../../mesh/host/runner.ts";
import {
  type Bridge,
  removeTable,
  renderBridgeChange,
  renderTable,
  tableName,
  type TableParts,
} from "../core/plan/mod.ts";
import { type LinkTools, toolError } from "./tools.ts";

/** What had become of the table: somebody removed it, or took its rules out or put it to sleep. */
export type TableLoss = "gone" | "emptied";

/** The table of one tunnel interface. Calls are done one after another. */
export class LinkTable {
  readonly iface: string;
  readonly #runner: Runner;
  readonly #nft: string;
  readonly #beforeLoad: () => Promise<void>;
  #loaded: { text: string; parts: TableParts } | null = null;
  readonly #turns = new InTurn();
  #loads = 0;

  /** @param o.beforeLoad called before the table is replaced: its counters are lost then */
  constructor(
    o: { runner: Runner; tools: Pick<LinkTools, "nft">; iface: string; beforeLoad?: () => Promise<void> },
  ) {
    this.#runner = o.runner;
    this.#nft = o.tools.nft;
    this.iface = o.iface;
    this.#beforeLoad = o.beforeLoad ?? (() => Promise.resolve());
  }

  /** Whether a table of this process is in force, as far as it knows. */
  get inForce(): boolean {
    return this.#loaded !== null;
  }

  /** Loads that began and loads that ended, counted together. */
  get loads(): number {
    return this.#loads;
  }

  /**
   * Makes the table say exactly `parts`, and what a crashed daemon left is replaced with it. Only bridges changed: elements
   * are changed and nothing is reloaded.
   * @returns false when it said so already
   * @throws GhostError `missing_privilege`, or what nft said; the table in force stays as it was
   */
  load(parts: TableParts): Promise<boolean> {
    return this.#turns.run(() => this.#load(parts));
  }

  /**
   * Loads the table again if somebody removed it (`nft flush ruleset`, a restart of the host's firewall) or emptied it: without it
   * the policy would not be enforced.
   * @param o.emptiedAt `loads` before the table was seen not to work; what was seen does not count if it was loaded since
   * @returns what had become of it, and null when nothing had
   */
  ensure({ emptiedAt = null }: { emptiedAt?: number | null } = {}): Promise<TableLoss | null> {
    return this.#turns.run(async () => {
      if (!this.#loaded) return null;
      const there = await hasTable(this.#runner, this.#nft, tableName(this.iface));
      if (there && emptiedAt !== this.#loads) return null;
      const { parts } = this.#loaded;
      this.#loaded = null;
      await this.#load(parts);
      return there ? "emptied" : "gone";
    });
  }

  /** Removes the table, there or not. */
  remove(): Promise<void> {
    return this.#turns.run(async () => {
      await this.#apply(removeTable(this.iface));
      this.#loaded = null;
    });
  }

  async #load(parts: TableParts): Promise<boolean> {
    const text = renderTable(this.iface, parts);
    const old = this.#loaded;
    if (old?.text === text) return false;
    const onlyBridges = old !== null && renderTable(this.iface, { ...parts, bridges: old.parts.bridges }) === old.text;
    if (!onlyBridges || !await this.#tryBridges(old.parts.bridges, parts.bridges)) {
      if (old !== null) await this.#beforeLoad();
      await this.#apply(text);
    }
    this.#loaded = { text, parts };
    return true;
  }

  async #tryBridges(from: readonly Bridge[], to: readonly Bridge[]): Promise<boolean> {
    const change = renderBridgeChange(this.iface, from, to);
    if (change === "") return true;
    // It fails when somebody flushed the table; the whole load that follows mends that.
    return (await this.#runner.run(this.#nft, ["-f", "-"], { stdin: change })).code === 0;
  }

  async #apply(text: string): Promise<void> {
    this.#loads++;
    const result = await this.#runner.run(this.#nft, ["-f", "-"], { stdin: text }).finally(() => this.#loads++);
    if (result.code !== 0) throw toolError(result, `nft table inet ${tableName(this.iface)}`);
  }
}
