/** `ghostctl plugin remove NAME` */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { configDir } from "../paths.ts";
import { removeAdded } from "../plugins/store.ts";

export async function run(call: Call): Promise<void> {
  const name = call.args[0]!;
  const removed = /^[a-z][a-z0-9-]{0,31}$/.test(name) && await removeAdded(configDir(call), name);
  if (!removed) {
    throw new GhostError("not_found", `No plugin "${name}" was added`, { mend: "see: ghostctl plugin list" });
  }
  call.out.answer({ changed: true, name }, () => `removed: ${name}; its module lies where it was`);
}
