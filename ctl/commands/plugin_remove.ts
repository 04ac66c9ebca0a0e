/** `ghostctl plugin remove NAME` */
import type { Call } from "../call.ts";
import { configDir } from "../paths.ts";
import { removeAdded } from "../plugins/store.ts";

export async function run(call: Call): Promise<void> {
  const name = call.args[0]!;
  const changed = /^[a-z][a-z0-9-]{0,31}$/.test(name) && await removeAdded(configDir(call), name);
  call.out.answer(
    { changed, name },
    () => changed ? `removed: ${name}; its module lies where it was` : `no plugin "${name}" was added`,
  );
}
