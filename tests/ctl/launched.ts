/** ghostctl as its launcher starts it, with the permissions that this gives. */
import type { Ended } from "./world.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** @param path a folder before all others of PATH */
export async function launched(path: string, ...args: string[]): Promise<Ended> {
  return await launchedWith({ PATH: `${path}:${Deno.env.get("PATH")}` }, ...args);
}

/** As `launched`, with more variables. Standard input is empty, and whoever would ask there gets nothing. */
export async function launchedWith(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [`${ROOT}scripts/launch.sh`, "ctl", ...args],
    env: { GHOSTMESH_DENO: Deno.execPath(), ...env },
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
