/** `ghostctl ledger log` */
import { entryRows } from "../admin/entries.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const from = call.count("from", { min: 0, max: 999_999_999, otherwise: 0 });
  const network = await AdminNetwork.open(call);
  const rows = entryRows(await network.ledger(), from);
  call.out.answer({ entries: rows }, () =>
    table(
      ["ENTRY", "TIME", "KIND", "BY", "WHAT"],
      rows.map((r) => [String(r.seq), r.time.slice(0, 16), r.kind, r.by.join(", "), r.what]),
      { colour: call.out.colour },
    ));
}
