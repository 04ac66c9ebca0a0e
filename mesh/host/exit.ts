/** How a program ends: the one place where a failure becomes a line and an exit code. Called by main.ts files only. */
import { errorLine } from "../wire/errors.ts";

/**
 * Runs a program's main function and exits: with the code it gives (0 for none), or with 1 and one line `role: ...` on standard error.
 */
export async function runMain(main: () => Promise<number | void>, role = "ghostmesh"): Promise<never> {
  let code: number;
  try {
    code = await main() ?? 0;
  } catch (error) {
    console.error(`${role}: ${errorLine(error)}`);
    code = 1;
  }
  Deno.exit(code);
}
