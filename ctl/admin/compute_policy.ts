/**
 * Runs a policy.ts: a process of its own, without remote modules, without clock and random source, twice, and both must come to
 * the same document. Its only permission is to read itself and the files that are signed with it. It is loaded in a worker, where
 * static imports need that permission as well, which is not so in the main thread.
 */
import { encodeBase64 } from "@std/encoding/base64.js";
import { pathToFileURL } from "node:url";
import { GhostError } from "../../mesh/wire/errors.ts";
import { runDeno } from "./run_deno.ts";
import { toToml } from "./to_toml.ts";

/** A policy program may take this long, in ms. */
const TIMEOUT = 20_000;
const MARK = "ghostctl policy document:";

/**
 * The document that a policy.ts computes, as TOML.
 * @param path absolute
 * @param imports absolute paths of the files that it may import
 * @throws GhostError `bad_policy` with what it said when it failed
 */
export async function computePolicy(path: string, imports: readonly string[]): Promise<string> {
  const first = await runOnce(path, imports);
  if (first !== await runOnce(path, imports)) {
    throw new GhostError("bad_policy", "Two runs computed two documents", {
      place: path,
      mend: "let it depend on nothing but its own text and its imports",
    });
  }
  try {
    return toToml(JSON.parse(first));
  } catch (error) {
    if (!(error instanceof GhostError)) throw error;
    const { code, message, place, mend } = error;
    throw new GhostError(code, message, {
      place: `${path}: ${place}`,
      ...(mend === undefined ? {} : { mend }),
      cause: error,
    });
  }
}

async function runOnce(path: string, imports: readonly string[]): Promise<string> {
  const read = [path, ...imports].map((file) => file.replaceAll(",", ",,")).join(",");
  const args = ["--no-prompt", `--allow-read=${read}`, "--v8-flags=--max-old-space-size=256", "-"];
  let result;
  try {
    result = await runDeno("run", args, { policy: path, stdin: harness(pathToFileURL(path).href), timeout: TIMEOUT });
  } catch (cause) {
    if (!(cause instanceof GhostError) || cause.code !== "timeout") throw cause;
    const mend = "a policy has to be computed in moments";
    throw new GhostError("bad_policy", `It did not end within ${TIMEOUT / 1000} s`, { place: path, mend, cause });
  }
  const at = result.stdout.lastIndexOf(MARK);
  if (result.code === 0 && at >= 0) return result.stdout.slice(at + MARK.length).trim();
  const said = result.stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const why = said.find((line) => /error|denied|requires/i.test(line)) ?? said[0] ?? `code ${result.code}`;
  const where = said.find((line) => line.startsWith("at ") && line.includes(pathToFileURL(path).href));
  const message = `It failed: ${why.replace(/^error: (Uncaught )?(\(in promise\) )?/, "").slice(0, 300)}`;
  throw new GhostError("bad_policy", message, {
    place: where?.match(/:(\d+:\d+)\)?$/)?.[1] ? `${path}:${where.match(/:(\d+:\d+)\)?$/)![1]}` : path,
    mend: "it runs without permissions, clock and random numbers",
  });
}

/** The main module: it starts the worker and prints what that made, or why it failed. */
function harness(url: string): string {
  const worker = `data:application/javascript;base64,${encodeBase64(inWorker(url))}`;
  return `
const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
const fail = (why) => {
  console.error(why);
  Deno.exit(1);
};
worker.onmessage = ({ data: { made, failed } }) => {
  if (failed !== undefined) fail(failed);
  console.log(${JSON.stringify(MARK)} + made);
  Deno.exit(0);
};
worker.onerror = (event) => {
  event.preventDefault();
  fail("error: " + event.message);
};
`;
}

/** What is loaded in the worker; what it imports sees no clock and no random source. */
function inWorker(url: string): string {
  return `
const tell = self.postMessage.bind(self);
console.log = console.info = console.debug = console.error;
const no = (name) => () => { throw new Error(name + " is not there: a policy has to come out the same every time"); };
Math.random = no("Math.random");
const RealDate = Date;
RealDate.now = no("Date.now");
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => args.length === 0 ? no("new Date()")() : Reflect.construct(target, args),
  apply: no("Date()"),
});
RealDate.prototype.constructor = globalThis.Date;
performance.now = no("performance.now");
crypto.getRandomValues = no("crypto.getRandomValues");
crypto.randomUUID = no("crypto.randomUUID");
if (globalThis.Temporal) Object.defineProperty(Temporal, "Now", { get: no("Temporal.Now") });
Deno.exit = self.close = no("Deno.exit");
try {
  const module = await import(${JSON.stringify(url)});
  const made = module.default;
  tell({ made: JSON.stringify(typeof made === "function" ? await made() : made ?? null) ?? "null" });
} catch (error) {
  tell({ failed: String(error?.stack ?? error).replaceAll(/\\u001b\\[[0-9;]*m/g, "") });
}
`;
}
