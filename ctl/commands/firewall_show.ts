/** `ghostctl firewall show`: what is in force on this machine, in words. */
import type { Call } from "../call.ts";
import { askFirewall, backendText, placeOf } from "../machine/firewall.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const firewall = await askFirewall(call);
  const rows = firewall.rows.map(({ line, direction, what, text }) => ({ line, direction, what, text }));
  call.out.answer({ ...firewall, rows }, () => {
    const told = (direction: "in" | "out") =>
      rows.filter((row) => row.direction === direction).map((row) =>
        `  ${printable(row.text)}${row.line === null ? "" : ` (${placeOf(row)})`}`
      );
    const out = told("out");
    return [
      backendText(firewall),
      "out of the tunnel, in this order:",
      ...told("in"),
      ...(out.length === 0 ? [] : ["into the tunnel:", ...out]),
    ].join("\n");
  });
}
