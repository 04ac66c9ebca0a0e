/** The kill switch's table on this machine: whether it is there, loading it and taking it away. */
import { hasTable } from "../../../mesh/host/nft.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { type KillSwitch, killTable, removeKillSwitch, renderKillSwitch } from "../../core/plan/mod.ts";
import type { LocalNetworks } from "../ip.ts";
import { toolError } from "../tools.ts";

/** The table of one tunnel. */
export class KillTable {
  readonly #runner: Runner;
  readonly #nft: string;
  readonly #iface: string;
  /** What was loaded last by this process. */
  #loaded: string | null = null;

  /** @param o.nft absolute path of the program */
  constructor(o: { runner: Runner; nft: string; iface: string }) {
    this.#runner = o.runner;
    this.#nft = o.nft;
    this.#iface = o.iface;
  }

  /** Whether it is there, by whomever it was loaded. */
  holds(): Promise<boolean> {
    return hasTable(this.#runner, this.#nft, killTable(this.#iface));
  }

  /** Loads it, also when somebody has flushed what was loaded before; null removes it, there or not. @throws GhostError */
  async set(wanted: KillSwitch | null): Promise<void> {
    const text = wanted ? renderKillSwitch(this.#iface, wanted) : removeKillSwitch(this.#iface);
    if (this.#loaded === text && (wanted === null || await this.holds())) return;
    const result = await this.#runner.run(this.#nft, ["-f", "-"], { stdin: text });
    if (result.code !== 0) throw toolError(result, `nft table inet ${killTable(this.#iface)}`);
    this.#loaded = text;
  }
}

/** What may pass on a machine with these networks; with `lan` these as well. */
export function killSwitch(
  { lan, containers, uplinks }: LocalNetworks,
  o: Pick<KillSwitch, "ports" | "services" | "others"> & { lan: boolean },
): KillSwitch {
  return { ...o, lan: o.lan ? lan : [], containers, uplinks: allUplinks(uplinks) };
}

/** Interfaces that lead out, of both families. */
export function allUplinks(uplinks: LocalNetworks["uplinks"]): string[] {
  return [...new Set([...uplinks[4], ...uplinks[6]])];
}
