/**
 * `deno task attacks`: carries out every attack against the running programs and prints a table of the rows, their tests and how
 * they ended. The rows are those of SECURITY.md.
 *
 *     deno task attacks                 everything
 *     deno task attacks --only TEXT     the tests whose name holds TEXT
 */
import { ROWS } from "./attacks/rows.ts";
import { fetchImports, setUp } from "./setup.ts";
import { insideWorld, inWorld, ownProgram, runInWorld } from "./lab/world.ts";
import { misuse } from "./lib/options.ts";
import { exists, main, PROJECT } from "./lib/run.ts";
import { join } from "node:path";

/** One test and how it ended. */
export interface Outcome {
  test: string;
  ok: boolean;
}

/** Where the tests are: beside the programs, and those that need a world. */
const PLAIN = ["tests/attacks", "tests/oidc", "tests/mtls"];
const IN_WORLD = "tests/attacks/lab";

/** Runs test files and gives each test's outcome; what failed is shown in full. */
async function runTests(paths: readonly string[], only: string, ignore: readonly string[] = []): Promise<Outcome[]> {
  const filter = only === "" ? [] : ["--filter", only];
  const ignored = ignore.length === 0 ? [] : [`--ignore=${ignore.join(",")}`];
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-prompt",
      "-P=test",
      "--no-check",
      "--permit-no-files",
      "--reporter=tap",
      ...filter,
      ...ignored,
      ...paths,
    ],
    cwd: PROJECT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  const outcomes: Outcome[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const outcome = readTap(line);
      if (outcome) {
        outcomes.push(outcome);
        console.log(`  ${outcome.ok ? "held " : "FELL "} ${outcome.test}`);
      } else if (line.startsWith(" ")) console.error(line);
    }
  }
  const { code } = await child.status;
  if (code !== 0 && outcomes.every((o) => o.ok)) {
    outcomes.push({ test: `${paths.join(" ")} ended with code ${code}`, ok: false });
  }
  return outcomes;
}

/** A line of the Test Anything Protocol; skipped tests are none. */
function readTap(line: string): Outcome | null {
  const found = /^(ok|not ok) \d+ - (.*)$/.exec(line);
  if (!found || /# SKIP/i.test(found[2]!)) return null;
  return { test: found[2]!.replaceAll("\\#", "#"), ok: found[1] === "ok" };
}

async function outcomesInWorld(only: string): Promise<Outcome[]> {
  const result = await Deno.makeTempFile({ prefix: "ghostmesh-attacks-" });
  try {
    const code = await runInWorld(ownProgram(["--in-world", result, only]));
    const text = await Deno.readTextFile(result);
    return text === "" ? [{ test: `the world ended with code ${code}`, ok: false }] : JSON.parse(text) as Outcome[];
  } finally {
    await Deno.remove(result);
  }
}

/** The table of rows, each with its tests. */
export function table(outcomes: readonly Outcome[], { all }: { all: boolean }): { lines: string[]; failed: number } {
  const lines: string[] = [];
  let failed = 0;
  for (const { row, attack } of ROWS) {
    const mine = outcomes.filter((o) => new RegExp(`^row ${row}:`).test(o.test));
    if (mine.length === 0 && !all) continue;
    const fell = mine.filter((o) => !o.ok);
    failed += fell.length + (mine.length === 0 ? 1 : 0);
    const result = mine.length === 0 ? "NO TEST" : fell.length > 0 ? "FELL" : "held";
    lines.push(`${String(row).padStart(3)}  ${result.padEnd(7)}  ${String(mine.length).padStart(2)} tests  ${attack}`);
    for (const { test } of fell) lines.push(`              ${test}`);
  }
  const others = outcomes.filter((o) => !ROWS.some(({ row }) => o.test.startsWith(`row ${row}:`)));
  const fell = others.filter((o) => !o.ok);
  if (others.length > 0) {
    lines.push(
      `     ${(fell.length > 0 ? "FELL" : "held").padEnd(7)}  ${String(others.length).padStart(2)} tests  across rows`,
    );
  }
  for (const { test } of fell) lines.push(`              ${test}`);
  return { lines, failed: failed + fell.length };
}

async function attacks(): Promise<number> {
  const [mode, ...rest] = Deno.args;
  if (inWorld() && mode === "--in-world") {
    const [result, only = ""] = rest;
    await insideWorld();
    await Deno.writeTextFile(result!, JSON.stringify(await runTests([IN_WORLD], only)));
    return 0;
  }
  if (mode !== undefined && mode !== "--only") {
    throw misuse(`Unknown argument "${mode}"`, "deno task attacks [--only TEXT]");
  }
  const only = rest[0] ?? "";
  await setUp((line) => console.log(line));
  await fetchImports();
  const plain = await runTests(PLAIN, only, [IN_WORLD]);
  const lab = await exists(join(PROJECT, IN_WORLD)) ? await outcomesInWorld(only) : [];
  const { lines, failed } = table([...plain, ...lab], { all: only === "" });
  console.log(`\nrow  result   tests     attack\n${lines.join("\n")}`);
  console.log(`\n${[...plain, ...lab].filter((o) => o.ok).length} held, ${failed} fell`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) await main(attacks);
