/** The verbs of typed plugins, as commands like ghostctl's own. */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { printable } from "../output/text.ts";
import { closedPlaces } from "../paths.ts";
import type { CommandSpec } from "../spec.ts";
import type { State } from "./api.ts";
import { granted } from "./permissions.ts";
import { type PluginRun, runModule } from "./process.ts";
import { addedNames } from "./names.ts";
import { type Added, readAdded, unchangedModule } from "./store.ts";

/** Milliseconds for candidates, while somebody waits for Tab. */
const COMPLETE = 2000;

/** Shapes of what the daemon answers a plugin. */
const LIKE = { status: { self: { name: "" }, network: { id: "" } }, peers: { peers: [{ name: "", id: "" }] } };

/** The commands of all plugins that were added; one that cannot be read is told and left out. */
export async function pluginCommands(configDir: string, remark: (text: string) => void): Promise<CommandSpec[]> {
  const all: CommandSpec[] = [];
  for (const name of await addedNames(configDir)) {
    try {
      const added = await readAdded(configDir, name);
      if (added.manifest.name !== name) throw new GhostError("bad_config", "It names another plugin", { place: name });
      all.push(...added.manifest.verbs.map((verb) => commandOf(added, verb)));
    } catch (error) {
      remark(`the plugin "${name}" is left out: ${errorLine(error)}`);
    }
  }
  return all;
}

function commandOf(added: Added, verb: Added["manifest"]["verbs"][number]): CommandSpec {
  const { completes, ...spec } = verb;
  const process = (call: Call, source: string): PluginRun => ({
    source,
    file: added.file,
    allowed: granted(added.manifest.permissions, added.granted),
    closed: closedPlaces(call),
    timeout: null,
    state: (what) => stateOf(call, what),
    print: (text) => console.log(printable(text, { lines: true })),
    remark: (text) => call.out.remark(printable(text, { lines: true })),
  });
  return {
    ...(spec as Omit<CommandSpec, "load">),
    live: true,
    load: () =>
      Promise.resolve({
        async run(call: Call) {
          const run = process(call, await unchangedModule(added));
          const said = await runModule(run, {
            action: "run",
            verb: verb.name,
            args: call.args,
            options: call.options,
            json: call.out.json,
          });
          return answer(call, said, added.file);
        },
      }),
    ...(completes
      ? {
        complete: async (call: Call, words: readonly string[]) => {
          const run = { ...process(call, await unchangedModule(added)), timeout: COMPLETE, print() {}, remark() {} };
          const said = await runModule(run, { action: "complete", verb: verb.name, words });
          return Array.isArray(said)
            ? said.filter((w) => typeof w === "string").slice(0, 1000).map((w) => printable(w))
            : [];
        },
      }
      : {}),
  };
}

async function stateOf(call: Call, what: State): Promise<unknown> {
  const answer = await askDaemon<Record<string, unknown>>(call, {
    method: "GET",
    path: `/v1/${what}`,
    like: LIKE[what],
  });
  return what === "peers" ? answer["peers"] : answer;
}

/** Prints a verb's answer; its exit code. */
function answer(call: Call, said: unknown, place: string): number {
  const { json, text, code } = (typeof said === "object" && said !== null ? said : {}) as Record<string, unknown>;
  if (typeof json !== "object" || json === null || typeof text !== "string") {
    throw new GhostError("internal", "The plugin's answer is not { json, text }", { place });
  }
  call.out.answer(json, () => printable(text, { lines: true }));
  return typeof code === "number" && Number.isInteger(code) && code >= 0 && code < 256 ? code : 0;
}
