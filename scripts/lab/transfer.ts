/** Fetching a file over HTTP from one machine of a lab to another, by two small Deno programs, and checking that it is the same. */
import { Failure } from "../lib/run.ts";
import { HOME, type Host } from "./lab.ts";
import type { Process } from "./process.ts";

const SERVER = `
const [path, port] = Deno.args;
Deno.serve({ hostname: "::", port: Number(port), onListen: () => console.log("serving") }, async () =>
  new Response((await Deno.open(path, { read: true })).readable));
`;
const CLIENT = `
const [url, path] = Deno.args;
const response = await fetch(url);
const started = performance.now();
await response.body.pipeTo((await Deno.open(path, { write: true, create: true, truncate: true })).writable);
console.log(performance.now() - started, (await Deno.stat(path)).size);
`;
const FILE = `${HOME}/file.bin`;
const PORT = 8080;

function deno(script: string, ...permissions: string[]): string[] {
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-config", "--allow-net", ...permissions, script];
}

/** Makes a file of random bytes on a host and serves it to all of the host's addresses. */
export async function serveFile(host: Host, bytes: number): Promise<{ sha256: string; process: Process }> {
  await host.write("serve.ts", SERVER);
  await host.sh('head -c "$1" /dev/urandom >"$2"', String(bytes), FILE);
  const process = host.spawn("file server", [...deno("serve.ts", `--allow-read=${FILE}`), FILE, String(PORT)]);
  await process.line(/serving/);
  return { sha256: await sha256(host), process };
}

/** Fetches the file and gives the time and what arrived. */
export async function fetchFile(host: Host, address: string): Promise<{ mbit: number; sha256: string }> {
  await host.write("fetch.ts", CLIENT);
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${PORT}/`;
  const { stdout } = await host.run([...deno("fetch.ts", `--allow-write=${FILE}`, `--allow-read=${FILE}`), url, FILE]);
  const [ms = NaN, bytes = NaN] = stdout.trim().split(" ").map(Number);
  if (!(ms > 0)) throw new Failure(`The fetch from ${url} told no time: ${stdout}`);
  return { mbit: bytes * 8 / ms / 1000, sha256: await sha256(host) };
}

async function sha256(host: Host): Promise<string> {
  return (await host.run(["sha256sum", FILE])).stdout.split(" ")[0]!;
}
