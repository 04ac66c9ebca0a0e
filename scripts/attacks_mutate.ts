/**
 * `deno task attacks:mutate`: shows that each attack would succeed without the check that withstands it. In a temporary copy of the
 * source the check is removed (attacks/mutations/), and the same test, which holds in the untouched copy, must then fail.
 *
 *     deno task attacks:mutate [--only TEXT]     checks or tests whose words hold TEXT
 */
import { dirname, join } from "node:path";
import type { Mutation } from "./attacks/mutation.ts";
import { MUTATIONS } from "./attacks/mutations.ts";
import { readOptions } from "./lib/options.ts";
import { Failure, main, PROJECT, run } from "./lib/run.ts";

/** Enough for a test that waits in vain for what the check would have brought, in ms. */
const TIMEOUT = 240_000;

/** A copy of the project without what is no source. */
async function copyTo(dir: string): Promise<void> {
  const { stdout } = await run([
    "find",
    ".",
    "-name",
    ".git",
    "-prune",
    "-o",
    "-name",
    "node_modules",
    "-prune",
    "-o",
    "-type",
    "f",
    "-print",
  ], { cwd: PROJECT });
  for (const file of stdout.split("\n").filter(Boolean)) {
    await Deno.mkdir(join(dir, dirname(file)), { recursive: true });
    await Deno.copyFile(join(PROJECT, file), join(dir, file));
  }
}

/** Removes a check; what it was stands in the answer, to be put back. */
async function remove(dir: string, { edits }: Mutation): Promise<Map<string, string>> {
  const before = new Map<string, string>();
  for (const { file, check, without } of edits) {
    const path = join(dir, file);
    const text = await Deno.readTextFile(path);
    if (!before.has(path)) before.set(path, text);
    if (text.split(check).length !== 2) throw new Failure(`${file} does not hold this once: ${check}`);
    await Deno.writeTextFile(path, text.replace(check, () => without));
  }
  return before;
}

/** Runs the tests of this name in the copy: whether they held, and whether they ran at all. */
async function holds(dir: string, test: string): Promise<"held" | "fell" | "did not run"> {
  const program = [
    "run",
    "--quiet",
    "--no-prompt",
    `--config=${join(dir, "deno.json")}`,
    "-P=tools",
    join(dir, "scripts", "attacks.ts"),
  ];
  const output = await run([Deno.execPath(), ...program, "--only", test], { cwd: dir, codes: "any", timeout: TIMEOUT });
  if (/^ {2}FELL {2}/m.test(output.stdout)) return "fell";
  return /^ {2}held {2}/m.test(output.stdout) && output.code === 0 ? "held" : "did not run";
}

async function mutate(): Promise<number> {
  const { only: text = "" } = readOptions("deno task attacks:mutate [--only TEXT]", { only: { type: "string" } });
  const chosen = MUTATIONS.filter((m) => m.what.includes(text) || m.test.includes(text));
  const dir = await Deno.makeTempDir({ prefix: "ghostmesh-mutate-" });
  const untouched = new Map<string, string>();
  let missed = 0;
  try {
    await copyTo(dir);
    console.log("untouched  without it  check that is removed -> test that must fail");
    for (const mutation of chosen) {
      const { what, test } = mutation;
      if (!untouched.has(test)) untouched.set(test, await holds(dir, test));
      const before = await remove(dir, mutation);
      const after = await holds(dir, test);
      for (const [path, source] of before) await Deno.writeTextFile(path, source);
      const good = untouched.get(test) === "held" && after === "fell";
      if (!good) missed++;
      console.log(`${untouched.get(test)!.padEnd(9)}  ${after.padEnd(10)}  ${good ? "" : "MISSED "}${what} -> ${test}`);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  console.log(`\n${chosen.length - missed} of ${chosen.length} attacks succeed without their check, and fail with it`);
  return missed === 0 ? 0 : 1;
}

if (import.meta.main) await main(mutate);
