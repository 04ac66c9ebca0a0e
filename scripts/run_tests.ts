/**
 * `deno task test`: brings what is missing, runs the unit and simulated tests (beside the code and in tests/), then the
 * end-to-end tests of tests/lab and tests/attacks/lab inside a throw-away world, and ends with one line `N passed, N failed`.
 *
 *     deno task test                    everything
 *     deno task test --unit             without the namespaces (deno task unit)
 *     deno task test --lab [FILE...]    only end-to-end tests
 */
import { fetchImports, setUp } from "./setup.ts";
import { insideWorld, inWorld, ownProgram, runInWorld } from "./lab/world.ts";
import { misuse } from "./lib/options.ts";
import { main, PROJECT } from "./lib/run.ts";

const TEST = [Deno.execPath(), "test", "--quiet", "--no-prompt", "-P=test", "--permit-no-files"];

interface Count {
  passed: number;
  failed: number;
}

/** Adds up the summary lines of `deno test` (`ok | 12 passed (3 steps) | 0 failed (1s)`). */
export function countSummaries(output: string): Count {
  const count = { passed: 0, failed: 0 };
  // deno-lint-ignore no-control-regex
  for (const line of output.replace(/\x1b\[[0-9;]*m/g, "").split("\n")) {
    const summary = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed/.exec(line);
    if (!summary) continue;
    count.passed += Number(summary[1]);
    count.failed += Number(summary[2]);
  }
  return count;
}

/** Copies a stream to ours while it is read. */
async function copy(
  from: ReadableStream<Uint8Array<ArrayBuffer>>,
  to: { writeSync(p: Uint8Array): number },
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of from) {
    for (let at = 0; at < chunk.length;) at += to.writeSync(chunk.subarray(at));
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** Runs one group of tests, shows its output, and counts; a group that fails without a summary counts as one failure. */
async function group(argv: readonly string[]): Promise<Count> {
  const child = new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    cwd: PROJECT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, , { code }] = await Promise.all([
    copy(child.stdout, Deno.stdout),
    copy(child.stderr, Deno.stderr),
    child.status,
  ]);
  const count = countSummaries(stdout);
  if (code !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

async function unit(): Promise<Count> {
  console.log("unit and simulated tests");
  return await group([
    ...TEST,
    "--ignore=tests/lab,tests/attacks/lab",
    "mesh",
    "gate",
    "link",
    "ctl",
    "scripts",
    "tests",
  ]);
}

/** Inside the world: the end-to-end tests. The counts cross to the outside in a file. */
async function lab(files: readonly string[]): Promise<Count> {
  console.log("\nend-to-end tests in network namespaces");
  return await group([...TEST, ...files.length ? files : ["tests/lab", "tests/attacks/lab"]]);
}

async function labInWorld(files: readonly string[]): Promise<Count> {
  const result = await Deno.makeTempFile({ prefix: "ghostmesh-test-" });
  try {
    const code = await runInWorld(ownProgram(["--in-world", result, ...files]));
    const text = await Deno.readTextFile(result);
    if (text === "") return { passed: 0, failed: 1 };
    const count = JSON.parse(text) as Count;
    return code === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
  } finally {
    await Deno.remove(result);
  }
}

async function test(): Promise<number> {
  const [mode, ...rest] = Deno.args;
  if (inWorld() && mode === "--in-world") {
    const [result, ...files] = rest;
    await insideWorld();
    await Deno.writeTextFile(result!, JSON.stringify(await lab(files)));
    return 0;
  }
  if (mode !== undefined && mode !== "--unit" && mode !== "--lab") {
    throw misuse(`Unknown argument "${mode}"`, "deno task test [--unit | --lab [FILE...]]");
  }
  await setUp((line) => console.log(line));
  await fetchImports();
  const counts = [];
  if (mode !== "--lab") counts.push(await unit());
  if (mode !== "--unit") counts.push(await labInWorld(rest));
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) await main(test);
