/**
 * What a gate that crashed has left in the kernel, whatever the next one is configured to do: forwarding that it switched on, and its
 * nftables tables. Each table is noted in the state folder before it is made, so that another gate's on the same host are left alone.
 */
import { Forwarding } from "../../mesh/host/forwarding.ts";
import type { Log } from "../../mesh/host/log.ts";
import { findTool, type Runner } from "../../mesh/host/runner.ts";
import { openPrivateDir, writeSecret } from "../../mesh/host/state_dir.ts";
import { runTool } from "../../mesh/host/tool.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { removeTable } from "../core/nft.ts";

const NAME = /^ghostgate_[a-z0-9]{1,16}$/;

const folder = (stateDir: string) => `${stateDir}/tables`;

/** Notes that this gate is about to make a table. */
export async function noteTable(stateDir: string, table: string): Promise<void> {
  await openPrivateDir(folder(stateDir), { mend: "remove that folder" });
  await writeSecret(`${folder(stateDir)}/${table}`, "");
}

/** The table is gone. */
export async function forgetTable(stateDir: string, table: string): Promise<void> {
  await Deno.remove(`${folder(stateDir)}/${table}`).catch(() => {});
}

/** Puts the host back as it was before a gate that crashed; what does not work is logged. Call it before anything is made. */
export async function clearLeftovers(o: { stateDir: string; runner: Runner; log: Log }): Promise<void> {
  const { stateDir, runner, log } = o;
  const step = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      log.warn("cannot clear up behind an earlier gate", { what, error: errorLine(error) });
    }
  };
  const file = `${stateDir}/forwarding.json`;
  if (await exists(file)) {
    await step(file, async () => {
      const sysctl = await findTool("sysctl", "apt-get install procps");
      await new Forwarding({ runner, tools: { sysctl }, iface: null, file }).recover();
    });
  }
  for (const table of await tables(stateDir)) {
    await step(`nft table inet ${table}`, async () => {
      const nft = await findTool("nft", "apt-get install nftables");
      await runTool(runner, [nft, "-f", "-"], { stdin: removeTable(table), place: `nft table inet ${table}` });
      await forgetTable(stateDir, table);
    });
  }
}

async function exists(file: string): Promise<boolean> {
  return await Deno.lstat(file).then(() => true, () => false);
}

async function tables(stateDir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder(stateDir))) if (NAME.test(name)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}
