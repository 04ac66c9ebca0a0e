/** A command line from its words to its exit code: 0 done, 1 failed, 2 wrong usage, 3 daemon or server not reachable, 4 waited in vain. */
import { GhostError } from "../mesh/wire/errors.ts";
import { Call } from "./call.ts";
import { wantsColour } from "./output/colour.ts";
import { Output } from "./output/output.ts";
import { parseFast } from "./parse_fast.ts";
import type { Parsed, Table } from "./spec.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";
import { UsageError } from "./usage_error.ts";

/** Runs one command line and gives its exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const colour = wantsColour({ terminal: Deno.stdout.isTerminal(), env: (name) => Deno.env.get(name) });
  let out = new Output({ json: argv.includes("--json"), colour });
  try {
    const table = await tableFor(argv, out);
    if (argv[0] === "complete" && argv[1] === "--") {
      await (await import("./completion.ts")).printCandidates(argv.slice(2), table);
      return 0;
    }
    const plugin = await pluginOf(argv, table);
    if (plugin) return await plugin();
    if (asksForHelp(argv)) return await help(argv, table);
    const words = argv.map(shielded);
    const parsed = bare(
      parseFast(words[0] === "--version" ? ["version", ...words.slice(1)] : words, table) ??
        (await import("./parse_full.ts")).parseFull(words, table),
    );
    checkLiterals(parsed);
    out = new Output({ json: parsed.options.json === true, colour });
    const command = await parsed.command.load();
    const { summary, live } = parsed.command;
    if (!live && parsed.options.watch !== true) {
      out.busy.start(summary.includes("(admin)") ? "asking the coordinator" : "working");
    }
    const code = await command.run(new Call(parsed, out, table)) ?? 0;
    out.busy.stop();
    return code;
  } catch (error) {
    out.failure(error);
    return exitCode(error);
  }
}

/** Our verbs, and after them those of typed plugins, which are looked at only where the first word is none of ours. */
async function tableFor(argv: readonly string[], out: Output): Promise<Table> {
  const table = { commands: COMMANDS, globals: GLOBAL_OPTIONS };
  if (COMMANDS.some((c) => c.name.split(" ")[0] === argv[0])) return table;
  const { configDir } = await import("./paths.ts");
  const at = argv.indexOf("--config-dir");
  const named = at < 0 ? argv.find((a) => a.startsWith("--config-dir="))?.slice("--config-dir=".length) : argv[at + 1];
  let dir: string;
  try {
    dir = configDir({ text: () => named });
  } catch {
    return table; // no folder, no plugins
  }
  const { addedNames } = await import("./plugins/names.ts");
  if ((await addedNames(dir)).length === 0) return table;
  const remark = argv[0] === "complete" ? () => {} : (text: string) => out.remark(text);
  const { pluginCommands } = await import("./plugins/verbs.ts");
  return { ...table, commands: [...COMMANDS, ...await pluginCommands(dir, remark)] };
}

/** A program `ghostctl-NAME` on PATH for a first word that is no verb of the table, so that none can be taken over. */
async function pluginOf(
  [first, ...rest]: readonly string[],
  { commands }: Table,
): Promise<(() => Promise<number>) | null> {
  if (first === undefined || !/^[a-z][a-z0-9-]*$/.test(first) || first === "help") return null;
  if (commands.some((c) => c.name.split(" ")[0] === first)) return null;
  const { findPlugin, runPlugin } = await import("./plugin.ts");
  const path = await findPlugin(first);
  return path === null ? null : () => runPlugin(path, rest);
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
async function help(argv: readonly string[], table: Table): Promise<number> {
  const { commandHelp, overview } = await import("./output/help.ts");
  const words = argv.filter((a) => !a.startsWith("-") && a !== "help");
  const command = table.commands.find((c) => c.name === words.slice(0, c.name.split(" ").length).join(" "));
  if (command) {
    console.log(commandHelp(command, table.globals));
    return 0;
  }
  const group = table.commands.filter((c) => c.name.startsWith(`${words[0]} `));
  if (words.length > 0 && group.length === 0) {
    // The parser knows what a misspelt verb may have meant.
    (await import("./parse_full.ts")).parseFull([words[0]!], table);
  }
  const text = overview(group.length ? group : table.commands, table.globals);
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
