/** What a program that was run had to say when it failed. */
import type { Runner, RunResult } from "./runner.ts";
import { GhostError } from "../wire/errors.ts";

/** What to type to get the privilege. */
const PRIVILEGE_MEND = "start it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)";

/** The error for a tool that failed. */
export function toolError(result: RunResult, place: string): GhostError {
  const said = result.stderr.trim() || result.stdout.trim() || `Exit code ${result.code}`;
  const text = said.slice(0, 500);
  if (/operation not permitted|permission denied|you must be root/i.test(said)) {
    return new GhostError("missing_privilege", `Not permitted (${text})`, { place, mend: PRIVILEGE_MEND });
  }
  return new GhostError("internal", text, { place });
}

/** Runs a tool that has to succeed, and gives its standard output. */
export async function runTool(
  runner: Runner,
  [cmd, ...args]: readonly [string, ...string[]],
  options: { stdin?: string; place?: string } = {},
): Promise<string> {
  const result = await runner.run(cmd, args, options.stdin === undefined ? {} : { stdin: options.stdin });
  if (result.code !== 0) throw toolError(result, options.place ?? [cmd, ...args.slice(0, 4)].join(" "));
  return result.stdout;
}
