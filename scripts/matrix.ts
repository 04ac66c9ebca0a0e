/**
 * `deno task matrix [--only KIND]`: real daemons through every pair of networks (nine kinds of NAT, a double NAT, UDP blocked), in
 * both directions, in a throw-away world: the rung that was reached, the first reply, the time to direct, packets lost. A cell
 * that is not what theory says is marked, and the exit code is then 1. All of it takes about half an hour.
 */
import { parseArgs } from "node:util";
import { holds, runCell } from "./matrix/cell.ts";
import { expected, type Kind, KIND_NAMES } from "./matrix/kinds.ts";
import { insideWorld } from "./lab/world.ts";
import { Failure, main } from "./lib/run.ts";
import { fetchImports, setUp } from "./setup.ts";
import { inWorld } from "./lab/world.ts";

async function matrix(): Promise<number> {
  const { values } = parseArgs({ args: [...Deno.args], options: { only: { type: "string" } } });
  if (values.only !== undefined && !KIND_NAMES.includes(values.only as Kind)) {
    throw new Failure(`Unknown kind "${values.only}"; known are: ${KIND_NAMES.join(", ")}`);
  }
  if (!inWorld()) {
    await setUp((line) => console.log(line));
    await fetchImports();
  }
  await insideWorld();
  const ms = (value: number | null) => value === null ? "-" : `${Math.round(value)}`;
  const row = (cells: string[]) =>
    cells.map((cell, i) => cell.padEnd([24, 24, 8, 8, 9, 10, 12][i]!)).join(" ").trimEnd();
  console.log(row(["FROM", "TO", "THEORY", "RUNG", "FIRST ms", "DIRECT ms", "LOST", ""]));
  let wrong = 0;
  for (const a of KIND_NAMES) {
    for (const b of KIND_NAMES) {
      if (values.only !== undefined && values.only !== a) continue;
      const result = await runCell(a, b);
      const right = holds(a, b, result);
      if (!right) wrong++;
      const { rung, firstMs, directMs, lost, sent } = result;
      const cells = [
        a,
        b,
        expected(a, b),
        rung,
        ms(firstMs),
        ms(directMs),
        `${lost} of ${sent}`,
        right ? "" : "NOT AS IN THEORY",
      ];
      console.log(row(cells));
    }
  }
  return wrong === 0 ? 0 : 1;
}

if (import.meta.main) await main(matrix);
