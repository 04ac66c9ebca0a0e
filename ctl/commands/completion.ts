/** `ghostctl completion SHELL` */
import type { Call } from "../call.ts";
import { printScript, SHELLS } from "../completion.ts";

export function run(call: Call): Promise<void> {
  const shell = SHELLS.find((name) => name === call.args[0]);
  if (!shell) throw call.wrong(`No completion for "${call.args[0]}"`, `one of: ${SHELLS.join(", ")}`);
  printScript(shell);
  return Promise.resolve();
}
