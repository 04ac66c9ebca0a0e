/** The policy as chains of the link's own nftables table; counters and what was seen are read back from there. */
import { readListing, renderFilter } from "../../../mesh/policy/mod.ts";
import { parseJson } from "../../../mesh/wire/encoding.ts";
import { tableName } from "../../core/plan/mod.ts";
import { MAX_TOOL_OUTPUT } from "../tools.ts";
import type { FirewallBackend, FirewallContext, Seen } from "./backend.ts";

export function nftFirewall({ iface, runner, tools }: FirewallContext): FirewallBackend {
  return {
    chains: (filter) => renderFilter(filter, { iface }),
    apply: () => Promise.resolve(),
    async read(): Promise<Seen | null> {
      const answer = await runner.run(tools.nft, ["-j", "list", "table", "inet", tableName(iface)]);
      // Without the table there is nothing to tell; the next run of the machine loads it again.
      if (answer.code !== 0) return null;
      return readListing(parseJson(answer.stdout, { place: "nft list table", max: MAX_TOOL_OUTPUT }));
    },
    close: () => Promise.resolve(), // the table goes with the machine
  };
}
