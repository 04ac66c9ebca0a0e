/** Looks for other programs' firewalls that stop what this machine carries (link/core/plan/foreign.ts). */
import type { Log } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { parseJson } from "../../../mesh/wire/encoding.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import { parse, z } from "../../../mesh/wire/schema.ts";
import { type ForeignTable, shutChains, shutLine } from "../../core/plan/mod.ts";
import { type LinkTools, MAX_TOOL_OUTPUT, runTool } from "../tools.ts";

const name = z.string().max(256);
const listed = z.object({
  nftables: z.array(z.object({
    chain: z.object({ family: name, table: name, name, hook: name.optional(), policy: name.optional() }).optional(),
    rule: z.object({
      chain: name,
      expr: z.array(z.record(z.string(), z.unknown())).max(1000).default([]),
    }).optional(),
  })).max(1_000_000),
});

/** Families of tables that see packets of IPv4 and IPv6. */
const SEES: Record<string, readonly (4 | 6)[]> = { ip: [4], ip6: [6], inet: [4, 6] };

/** What stands in the way now. */
export class ForeignFirewalls {
  readonly #o: ForeignOptions;
  #found: readonly string[] = [];

  constructor(o: ForeignOptions) {
    this.#o = o;
  }

  /** Sentences for people. */
  get found(): readonly string[] {
    return this.#found;
  }

  /** Looks anew; what was not there before is logged. */
  async refresh(): Promise<void> {
    const families = new Set(this.#o.carried().map((prefix) => prefix.includes(":") ? 6 as const : 4 as const));
    const found = families.size === 0 ? [] : await this.#look(families).catch((error: unknown) => {
      this.#o.log.debug("Other firewalls could not be looked at", { why: errorLine(error) });
      return [];
    });
    for (const line of found) {
      if (!this.#found.includes(line)) this.#o.log.warn("Another firewall stands in the way", { why: line });
    }
    this.#found = found;
  }

  async #look(families: ReadonlySet<4 | 6>): Promise<string[]> {
    const forward = (await this.#list("chains")).flatMap(({ chain }) =>
      chain?.hook === "forward" && !/^ghost(?:link|kill|gate)_/.test(chain.table) &&
        SEES[chain.family]?.some((family) => families.has(family))
        ? [chain]
        : []
    );
    const lines: string[] = [];
    for (const [place, chains] of Map.groupBy(forward, (chain) => `${chain.family} ${chain.table}`)) {
      const [family = "", table = ""] = place.split(" ");
      const rules = (await this.#list("table", family, table)).flatMap(({ rule }) => rule ?? []);
      const of: ForeignTable = {
        family,
        name: table,
        chains: chains.map((chain) => ({ name: chain.name, policy: chain.policy ?? "accept" })),
        rules,
      };
      lines.push(...shutChains(of, this.#o.iface).map((chain) => shutLine(of, chain, this.#o.iface)));
    }
    return lines;
  }

  async #list(...what: string[]) {
    const out = await runTool(this.#o.runner, [this.#o.tools.nft, "-j", "list", ...what]);
    return parse(listed, parseJson(out, { place: "nft -j list", max: MAX_TOOL_OUTPUT }), "nft -j list").nftables;
  }
}

/** What it looks at. */
export interface ForeignOptions {
  runner: Runner;
  tools: Pick<LinkTools, "nft">;
  iface: string;
  /** Prefixes that this machine carries for others. */
  carried(): readonly string[];
  log: Log;
}
