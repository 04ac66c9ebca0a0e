/** `ghostctl firewall counters`: packets of each rule since its policy is in force. */
import type { Call } from "../call.ts";
import { askFirewall, backendText, placeOf } from "../machine/firewall.ts";
import { ago, bytes, table } from "../output/text.ts";
import { watching } from "../output/watch.ts";

export async function run(call: Call): Promise<void> {
  await watching(call, async () => {
    const firewall = await askFirewall(call);
    call.out.answer({ ...firewall }, () => {
      if (firewall.rows.every(({ packets }) => packets === null)) return `${backendText(firewall)}; nothing is counted`;
      const rows = firewall.rows.map((row) => [
        row.packets === null ? null : String(row.packets),
        row.bytes === null ? null : bytes(row.bytes),
        placeOf(row),
        row.direction,
        row.with.length === 0 ? row.text : `${row.text} (together with line ${row.with.join(", ")})`,
      ]);
      const since = `${backendText(firewall)}; counted since ${ago(firewall.since, Date.now())}`;
      return `${since}\n${table(["PACKETS", "BYTES", "RULE", "WAY", "DOES"], rows, { colour: call.out.colour })}`;
    });
  });
}
