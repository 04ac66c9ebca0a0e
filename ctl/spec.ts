/** What a verb is: the one description from which parsing, help, COMMANDS.md and the tests are made. */
import type { Call } from "./call.ts";

/** `--name VALUE`, or a switch when there is no value. */
export interface OptionSpec {
  name: string;
  /** What stands for the value in help. */
  value?: string;
  summary: string;
  /** May be given more than once. */
  repeat?: true;
  required?: true;
}

export interface ArgumentSpec {
  name: string;
  summary: string;
  optional?: true;
  /** A word to be typed as it is, such as `via`. */
  literal?: true;
  /** A machine's name: completed from those that the daemon knows. */
  peer?: true;
  /** What it may be, for completion. */
  values?: readonly string[];
  /** Takes all further words; the last argument only. */
  rest?: true;
}

/** A command line as help and COMMANDS.md show it; tests/lab/examples_test.ts runs every one. */
export interface Example {
  line: string;
  what: string;
  /** Why that test cannot run it, and the test that runs it instead. */
  elsewhere?: { why: string; test: string };
}

/** The module of a verb. */
export interface CommandModule {
  /** @returns the exit code, 0 for none */
  run(call: Call): Promise<number | void>;
}

export interface CommandSpec {
  /** One or two words. */
  name: string;
  summary: string;
  arguments?: readonly ArgumentSpec[];
  options?: readonly OptionSpec[];
  /** What one should know beyond the options, a paragraph each. */
  details?: readonly string[];
  examples: readonly Example[];
  /** An answer as `--json` prints it, without `version`. */
  json: Record<string, unknown>;
  /** It shows what happens as it happens, or hands the terminal to another program. */
  live?: true;
  /** Loads the verb's code; nothing of it is loaded before it is used. */
  load(): Promise<CommandModule>;
  /** Candidates for the last of the words after the verb, where its arguments do not say them; a plugin's. */
  complete?(call: Call, words: readonly string[]): Promise<string[]>;
}

/** All verbs, and the options of each of them. */
export interface Table {
  commands: readonly CommandSpec[];
  globals: readonly OptionSpec[];
}

/** A command line, read. Options by their name: a text, a list, or true for a switch. */
export interface Parsed {
  command: CommandSpec;
  args: readonly string[];
  options: Readonly<Record<string, string | readonly string[] | true>>;
}

/** `ghostctl route add PREFIX via NAME [--metric N]` */
export function usageOf(command: CommandSpec): string {
  const parts = ["ghostctl", command.name];
  const args = command.arguments ?? [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const more = arg.rest ? "..." : "";
    const text = arg.literal ? `${arg.name} ${args[++i]!.name.toUpperCase()}` : arg.name.toUpperCase();
    parts.push((arg.optional ? `[${text}]` : text) + more);
  }
  for (const o of command.options ?? []) {
    const text = `--${o.name}${o.value ? ` ${o.value}` : ""}`;
    parts.push(o.required ? text : `[${text}]${o.repeat ? "..." : ""}`);
  }
  return parts.join(" ");
}
