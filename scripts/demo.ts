/**
 * `deno task demo [--keep]`: GhostMesh from nothing, in a throw-away world of network namespaces, by its own commands. Ends
 * with a table of what was measured and 0, or names the step that failed and exits with 1. Nothing is left behind, also
 * after Ctrl-C. With `--keep` the world stays open, and the demo prints how to look around in it.
 */
import { type Demo, STEPS } from "./demo/steps.ts";
import { Report } from "./demo/report.ts";
import { wireguardKind } from "./lab/bare.ts";
import { Lab } from "./lab/lab.ts";
import { buildHomes } from "./lab/topology.ts";
import { enterWorld } from "./lab/enter.ts";
import { entryArgs } from "./lab/world.ts";
import { readOptions } from "./lib/options.ts";
import { Failure, main } from "./lib/run.ts";

async function keepOpen(lab: Lab): Promise<never> {
  const on = `nsenter ${(await entryArgs()).join(" ")} ${await lab.writeEntry()}`;
  console.log(`
The world stays open until Ctrl-C. From another terminal, as the same user:
  ${on} alice                    a shell on alice; ghostctl is on PATH
  ${on} alice ghostctl peers
  ${on} bob wg show
Hosts: ${[...lab.hosts.keys()].join(" ")}`);
  return await new Promise<never>(() => setInterval(() => {}, 1 << 30));
}

async function demo(): Promise<number> {
  const { keep } = readOptions("deno task demo [--keep]", { keep: { type: "boolean" } });
  await enterWorld({ tests: false });
  const report = new Report();
  const lab = new Lab();
  let code = 0;
  try {
    const kind = await wireguardKind();
    await buildHomes(lab);
    report.say(`${lab.hosts.size} machines in a world of their own, ${kind.label}`);
    const shared = { lab, report, kind } as Demo;
    for (const [title, step] of STEPS) {
      report.begin(title);
      await step(shared);
    }
    console.log(`\n${report.table}`);
  } catch (error) {
    code = 1;
    console.log(`\n${lab.logs()}`);
    console.log(`\nFailed in step "${report.step}": ${error instanceof Failure ? error.message : Deno.inspect(error)}`);
  }
  const logs = Deno.env.get("GHOSTMESH_LAB_LOGS");
  if (logs) await lab.saveLogs(logs);
  if (keep) await keepOpen(lab);
  return code;
}

await main(demo);
