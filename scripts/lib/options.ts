/** The command lines of the scripts. */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { Misuse } from "./run.ts";

/**
 * Reads what stands behind the script's name; for `--help` it prints the usage and ends with 0.
 * @param usage such as "deno task demo [--keep]"
 * @throws Misuse
 */
export function readOptions<const O extends ParseArgsOptionsConfig>(
  usage: string,
  options: O,
  args: readonly string[] = Deno.args,
) {
  try {
    const all = { ...options, help: { type: "boolean" } } as const;
    const parsed = parseArgs({ args: [...args], options: all, allowPositionals: false });
    if ((parsed.values as { help?: boolean }).help !== true) return parsed.values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw misuse(error.message.split(/\.\s/, 1)[0]!, usage);
  }
  console.log(`usage: ${usage}`);
  Deno.exit(0);
}

/** What is wrong with the command line, and how it should be. */
export function misuse(what: string, usage: string): Misuse {
  return new Misuse(`${what}; usage: ${usage}`);
}
