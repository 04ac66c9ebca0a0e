/** `ghostctl completion SHELL` */
import type { Call } from "../call.ts";
import { SCRIPTS } from "../completion.ts";

export function run(call: Call): Promise<void> {
  const shell = call.args[0]!;
  if (!Object.hasOwn(SCRIPTS, shell)) {
    throw call.wrong(`No completion for "${shell}"`, `one of: ${Object.keys(SCRIPTS).join(", ")}`);
  }
  const script = SCRIPTS[shell as keyof typeof SCRIPTS];
  call.out.answer({ shell, script }, () => script.trimEnd());
  return Promise.resolve();
}
