/** How a program ends: the one place where a failure becomes a line and an exit code. Called by main.ts files only. */
import { errorLine } from "../wire/errors.ts";
import type { Log } from "./log.ts";

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

/**
 * Lets a program that others rely on outlive what it forgot to wait for: a promise that failed with nobody there is an error in
 * the log, with its stack, and not the end of every tunnel or session.
 */
export function outliveStrays(log: Log): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { reason } = event;
    log.error("A fault of this program's own; it goes on", {
      why: errorLine(reason),
      stack: reason instanceof Error ? (reason.stack ?? "").slice(0, 2_000) : "",
    });
  });
}
