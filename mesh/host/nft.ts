/** nftables, as gates and nodes both look at it. */
import type { Runner } from "./runner.ts";

/**
 * Whether a table of family inet is there. By the list of all tables: nft writes what a table holds piece by piece, a thousand
 * writes for a node's, and whoever looks every ten seconds would read them all.
 */
export async function hasTable(runner: Runner, nft: string, table: string): Promise<boolean> {
  const { code, stdout } = await runner.run(nft, ["list", "tables", "inet"]);
  return code === 0 && stdout.split("\n").includes(`table inet ${table}`);
}
