/** `--watch`: an answer again and again, on a terminal in the place of the one before. */
import type { Call } from "../call.ts";

/** Milliseconds between two answers. */
const EVERY = 1000;

/** Gives the answer once, or with --watch until the program is ended. */
export async function watching(call: Call, answer: () => Promise<void>): Promise<void> {
  if (!call.flag("watch")) return await answer();
  const clears = Deno.stdout.isTerminal() && !call.out.json;
  for (;;) {
    if (clears) await Deno.stdout.write(new TextEncoder().encode("\x1b[H\x1b[2J"));
    await answer();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}
