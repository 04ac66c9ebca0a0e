/** A command line from its words to its exit code: 0 done, 1 failed, 2 wrong usage, 3 daemon or server not reachable. */
import { GhostError } from "../mesh/wire/errors.ts";
import { Call } from "./call.ts";
import { Output } from "./output/output.ts";
import { parseFast } from "./parse_fast.ts";
import type { Parsed } from "./spec.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";
import { UsageError } from "./usage_error.ts";

const TABLE = { commands: COMMANDS, globals: GLOBAL_OPTIONS };

/** Runs one command line and gives its exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  let out = new Output({ json: argv.includes("--json"), colour });
  try {
    if (asksForHelp(argv)) return await help(argv);
    const words = argv.map(shielded);
    const parsed = bare(
      parseFast(words[0] === "--version" ? ["version", ...words.slice(1)] : words, TABLE) ??
        (await import("./parse_full.ts")).parseFull(words, TABLE),
    );
    checkLiterals(parsed);
    out = new Output({ json: parsed.options.json === true, colour });
    const command = await parsed.command.load();
    return await command.run(new Call(parsed, out)) ?? 0;
  } catch (error) {
    out.failure(error);
    return exitCode(error);
  }
}

/** Keys and hashes are base64url, so one in 64 begins with a dash; no option has one dash and so many letters. */
const SHIELD = "\u0000";
const LIKE_A_KEY = /^-(?:[A-Za-z0-9_-]{42}|[A-Za-z0-9_][A-Za-z0-9_-]{6,})$/;

function shielded(word: string): string {
  return LIKE_A_KEY.test(word) && !word.startsWith("--") ? SHIELD + word : word;
}

function bare(parsed: Parsed): Parsed {
  const strip = (text: string) => text.startsWith(SHIELD) ? text.slice(1) : text;
  const options = Object.entries(parsed.options).map(([name, value]) => [
    name,
    typeof value === "string" ? strip(value) : Array.isArray(value) ? value.map(strip) : value,
  ]);
  return { ...parsed, args: parsed.args.map(strip), options: Object.fromEntries(options) };
}

function exitCode(error: unknown): number {
  if (error instanceof UsageError) return 2;
  return error instanceof GhostError && error.code === "unreachable" ? 3 : 1;
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  return words.length === 0 || words[0] === "help" || words.includes("--help") || words.includes("-h");
}

/** @returns 2 for a bare `ghostctl`, which asked for nothing */
async function help(argv: readonly string[]): Promise<number> {
  const { commandHelp, overview } = await import("./output/help.ts");
  const words = argv.filter((a) => !a.startsWith("-") && a !== "help");
  const command = COMMANDS.find((c) => c.name === words.slice(0, c.name.split(" ").length).join(" "));
  if (command) {
    console.log(commandHelp(command, GLOBAL_OPTIONS));
    return 0;
  }
  const group = COMMANDS.filter((c) => c.name.startsWith(`${words[0]} `));
  if (words.length > 0 && group.length === 0) {
    // The parser knows what a misspelt verb may have meant.
    (await import("./parse_full.ts")).parseFull([words[0]!], TABLE);
  }
  const text = overview(group.length ? group : COMMANDS, GLOBAL_OPTIONS);
  if (argv.length > 0) console.log(text);
  else console.error(text);
  return argv.length > 0 ? 0 : 2;
}

/** Words such as `via` have to stand as they are. */
function checkLiterals({ command, args }: Parsed): void {
  command.arguments?.forEach((spec, i) => {
    if (!spec.literal || args[i] === undefined) return;
    if (args[i] !== spec.name) {
      throw new UsageError(`Expected "${spec.name}", got "${args[i]}"`, `see: ghostctl help ${command.name}`);
    }
    if (args[i + 1] === undefined) {
      throw new UsageError(`A name is missing after "${spec.name}"`, `see: ghostctl help ${command.name}`);
    }
  });
}
