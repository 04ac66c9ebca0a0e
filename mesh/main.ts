/** ghostmesh, the coordinator as a program of its own. See selfhost/run.ts for what it does; edge.ts is the same app without a host. */
import { Command } from "@commander-js/extra-typings";
import { runMain } from "./host/exit.ts";
import { createLog } from "./host/log.ts";
import { openStateDir } from "./host/state_dir.ts";
import { oneLineUsage, usageExitCode } from "./host/usage.ts";
import { loadMeshConfig } from "./selfhost/config.ts";
import { runMesh } from "./selfhost/run.ts";
import { VERSION } from "./wire/version.ts";

async function main(): Promise<number> {
  const program = oneLineUsage(new Command("ghostmesh"), "ghostmesh")
    .description("The GhostMesh coordinator: stores and delivers what admins and machines have signed")
    .version(VERSION)
    .option("--config <file>", "ghostmesh.toml (default: the defaults of everything)")
    .option("--state-dir <dir>", "where store, certificates and lock are kept")
    .allowExcessArguments(false);
  try {
    program.parse(Deno.args, { from: "user" });
  } catch (error) {
    return usageExitCode(error);
  }
  const { config: file, stateDir } = program.opts();
  const config = await loadMeshConfig(file);
  const dir = await openStateDir("ghostmesh", stateDir);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => stop.abort());
  await runMesh(config, {
    dir,
    log: createLog("ghostmesh"),
    say: (line) => console.log(line),
    signal: stop.signal,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  return 0;
}

await runMain(main, "ghostmesh");
