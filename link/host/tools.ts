/** The programs that the link drives, and whether it may. */
import { findTool, type Runner } from "../../mesh/host/runner.ts";
import { runTool, toolError } from "../../mesh/host/tool.ts";

export { runTool, toolError };

/** Absolute paths. */
export interface LinkTools {
  wg: string;
  ip: string;
  nft: string;
  sysctl: string;
}

/** What a parser of a tool's JSON may read at most, in characters: some 100,000 routes. */
export const MAX_TOOL_OUTPUT = 1 << 25;

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
