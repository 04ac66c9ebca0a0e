/** Wrong usage of the programs whose command line commander reads: one line, as every other refusal, and exit code 2. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

/** What commander's sentence says, as `program: Fault; mend`. */
function usageLine(program: string, said: string): string {
  const [first = "", hint = ""] = said.trim().split("\n");
  const fault = first.replace(/^error: /, "").replace(/\.$/, "").replaceAll("'", '"');
  const meant = /^\(Did you mean (.*)\?\)$/.exec(hint)?.[1];
  return `${program}: ${fault.charAt(0).toUpperCase()}${fault.slice(1)}; ${
    meant ? `did you mean "${meant}"?` : `see: ${program} --help`
  }`;
}

/** Lets a command, before it gets subcommands, tell wrong usage in one line and throw instead of ending the program. */
export function oneLineUsage<T extends CommandUnknownOpts>(command: T, program: string): T {
  command.exitOverride().showSuggestionAfterError().configureOutput({
    outputError: (said, write) => write(`${usageLine(program, said)}\n`),
  });
  return command;
}

/**
 * Exit code of what a commander command threw once it has told it: 0 after help and version, 2 after wrong usage.
 * @throws `error` itself when it is not commander's
 */
export function usageExitCode(error: unknown): 0 | 2 {
  const exit = (error as { exitCode?: unknown }).exitCode;
  if (typeof exit !== "number") throw error;
  return exit === 0 ? 0 : 2;
}
