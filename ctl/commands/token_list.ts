/** `ghostctl token list` */
import { grantRows } from "../admin/grants.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const rows = await grantRows(network, ledger);
  call.out.answer({ tokens: rows }, () =>
    rows.length === 0 ? "no tokens yet: ghostctl token create" : table(
      ["KEY", "FOR", "STATE", "USED", "TAGS", "EPHEMERAL", "EXPIRES"],
      rows.map((r) => [
        r.key,
        r.gate ? "gates" : "machines",
        r.state,
        `${r.used} of ${r.uses ?? "any number"}`,
        r.tags.join(", "),
        r.ephemeral ? "yes" : "no",
        r.expires === null ? "never" : r.expires.slice(0, 16),
      ]),
      { colour: call.out.colour },
    ));
}
