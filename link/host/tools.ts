/** The programs that the link drives, and whether it may. */
import { findTool, type Runner, type RunResult } from "../../mesh/host/runner.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** Absolute paths. */
export interface LinkTools {
  wg: string;
  ip: string;
  nft: string;
  sysctl: string;
}

/** What a parser of a tool's JSON may read at most, in characters: some 100,000 routes. */
export const MAX_TOOL_OUTPUT = 1 << 25;

/** What to type to get the privilege. */
const PRIVILEGE_MEND = "start it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)";

/**
 * Finds the programs and tries the privilege, changing nothing.
 * @throws GhostError `missing_tool` or `missing_privilege`
 */
export async function checkTools(runner: Runner): Promise<LinkTools> {
  const tools = {
    wg: await findTool("wg", "apt-get install wireguard-tools"),
    ip: await findTool("ip", "apt-get install iproute2"),
    nft: await findTool("nft", "apt-get install nftables"),
    sysctl: await findTool("sysctl", "apt-get install procps"),
  };
  const answer = await runner.run(tools.nft, ["list", "tables"]);
  if (answer.code !== 0) throw toolError(answer, `${tools.nft} list tables`);
  return tools;
}

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
