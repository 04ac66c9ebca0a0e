/**
 * `deno task matrix [--only KIND] [--part N/M] [--at-once N]`: real daemons through every pair of networks (the nine rule sets of
 * scripts/lab/nat, a public address, a carrier's NAT, a double NAT, IPv6 beside a symmetric NAT), in both directions, in a
 * throw-away world: the rung that was reached, the first reply, the time to direct, packets lost. A cell that is not what
 * theory says is marked, and the exit code is then 1. Several cells run at once, each between machines of its own.
 */
import { type CellResult, holds, Matrix } from "./matrix/cell.ts";
import { expected, type Kind, KIND_NAMES } from "./matrix/kinds.ts";
import { enterWorld } from "./lab/enter.ts";
import { misuse, readOptions } from "./lib/options.ts";
import { main } from "./lib/run.ts";

const USAGE = "deno task matrix [--only KIND] [--part N/M] [--at-once N]";

type Cell = [a: Kind, b: Kind];

interface Wish {
  only: Kind | null;
  part: { number: number; of: number };
  atOnce: number;
}

function readArgs(): Wish {
  const text = { type: "string" } as const;
  const { only, part = "1/1", "at-once": atOnce = "3" } = readOptions(USAGE, {
    only: text,
    part: text,
    "at-once": text,
  });
  if (only !== undefined && !KIND_NAMES.includes(only as Kind)) {
    throw misuse(`Unknown kind "${only}", known are: ${KIND_NAMES.join(", ")}`, USAGE);
  }
  const [, number, of] = /^(\d+)\/(\d+)$/.exec(part) ?? [];
  if (!number || Number(number) < 1 || Number(number) > Number(of)) throw misuse("--part is such as 2/4", USAGE);
  if (!/^[1-9]$/.test(atOnce)) throw misuse("--at-once is 1 to 9", USAGE);
  return { only: (only as Kind | undefined) ?? null, part: { number: +number, of: Number(of) }, atOnce: +atOnce };
}

/** The wished cells, in an order in which neighbours share no machine. */
function cells({ only, part }: Wish): Cell[] {
  const count = KIND_NAMES.length;
  const all = KIND_NAMES.flatMap((_, shift) => KIND_NAMES.map((a, i): Cell => [a, KIND_NAMES[(i + shift) % count]!]));
  const per = Math.ceil(all.length / part.of);
  return all.slice((part.number - 1) * per, part.number * per).filter(([a]) => only === null || a === only);
}

/** Runs cells side by side, no machine in two of them at once. */
async function runAll(
  matrix: Matrix,
  o: {
    wanted: Cell[];
    atOnce: number;
    done: (cell: Cell, result: CellResult) => void;
    failed: (cell: Cell, why: string) => void;
  },
) {
  const waiting = [...o.wanted];
  const busy = new Set<string>();
  const running = new Set<Promise<void>>();
  while (waiting.length > 0 || running.size > 0) {
    const next = running.size < o.atOnce
      ? waiting.findIndex(([a, b]) => !busy.has(`a ${a}`) && !busy.has(`b ${b}`))
      : -1;
    if (next < 0) {
      await Promise.race(running);
      continue;
    }
    const [cell] = waiting.splice(next, 1) as [Cell];
    const names = [`a ${cell[0]}`, `b ${cell[1]}`];
    for (const name of names) busy.add(name);
    const failed = (error: unknown) =>
      o.failed(cell, error instanceof Error ? error.message.split("\n")[0]! : `${error}`);
    const run: Promise<void> = matrix.run(...cell).then((result) => o.done(cell, result), failed).finally(() => {
      for (const name of names) busy.delete(name);
      running.delete(run);
    });
    running.add(run);
  }
}

async function matrix(): Promise<number> {
  const wish = readArgs();
  await enterWorld();
  await using world = await Matrix.open();
  const ms = (value: number | null) => value === null ? "-" : `${Math.round(value)}`;
  const row = (columns: string[]) =>
    columns.map((text, i) => text.padEnd([24, 24, 8, 8, 9, 10, 12][i] ?? 0)).join(" ").trimEnd();
  console.log(row(["FROM", "TO", "THEORY", "RUNG", "FIRST ms", "DIRECT ms", "LOST", ""]));
  let wrong = 0;
  await runAll(world, {
    wanted: cells(wish),
    atOnce: wish.atOnce,
    failed([a, b], why) {
      wrong++;
      console.log(row([a, b, expected(a, b), "-", "-", "-", "-", `NOT RUN: ${why}`]));
    },
    done([a, b], result) {
      const right = holds(a, b, result);
      if (!right) wrong++;
      const { rung, firstMs, directMs, lost, sent } = result;
      const loss = `${lost.length} of ${sent}`;
      console.log(row([a, b, expected(a, b), rung, ms(firstMs), ms(directMs), loss, right ? "" : "NOT AS IN THEORY"]));
    },
  });
  return wrong === 0 ? 0 : 1;
}

if (import.meta.main) await main(matrix);
