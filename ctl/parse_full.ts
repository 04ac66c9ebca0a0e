/** Reads any command line with commander, set up from the table; whatever it refuses becomes one UsageError with the mend. */
import { Command, CommanderError, Option } from "@commander-js/extra-typings";
import { nearest } from "../mesh/host/nearest.ts";
import { type ArgumentSpec, type OptionSpec, type Parsed, type Table, usageOf } from "./spec.ts";
import { UsageError } from "./usage_error.ts";

/** @throws UsageError */
export function parseFull(argv: readonly string[], table: Table): Parsed {
  let parsed: Parsed | undefined;
  const program = quiet(new Command("ghostctl"));
  for (const option of table.globals) program.addOption(toOption(option));
  const groups = new Map<string, Command>();
  for (const spec of table.commands) {
    const [first, second] = spec.name.split(" ") as [string, string?];
    let parent: Command = program;
    if (second !== undefined) {
      parent = groups.get(first) ?? addGroup(program, first, table);
      groups.set(first, parent);
    }
    const verb = quiet(parent.command(second ?? first));
    for (const a of spec.arguments ?? []) verb.argument(argumentText(a));
    for (const option of [...table.globals, ...spec.options ?? []]) verb.addOption(toOption(option));
    verb.action(() => {
      // Options before the verb belong to the program; those after it are nearer and win.
      const options = {
        ...valuesOf(program, table.globals),
        ...valuesOf(verb, [...table.globals, ...spec.options ?? []]),
      };
      parsed = { command: spec, args: verb.args, options };
    });
  }
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw toUsage(error, argv, table);
    throw error;
  }
  if (!parsed) throw new UsageError("No command given");
  return parsed;
}

function argumentText({ name, optional, rest }: ArgumentSpec): string {
  const text = rest ? `${name}...` : name;
  return optional ? `[${text}]` : `<${text}>`;
}

function quiet(command: Command): Command {
  return command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} }).helpOption(false)
    .helpCommand(
      false,
    ).showSuggestionAfterError(false).allowExcessArguments(false);
}

function addGroup(program: Command, name: string, table: Table): Command {
  const verbs = table.commands.flatMap((c) => c.name.startsWith(`${name} `) ? [c.name.slice(name.length + 1)] : []);
  const group = quiet(program.command(name));
  group.argument("[verb...]").action(([verb]) => {
    throw unknownVerb(verb === undefined ? [name] : [name, verb], verbs.map((v) => `${name} ${v}`));
  });
  return group;
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(`--${spec.name}${spec.value ? ` <${spec.name}>` : ""}`);
  if (spec.repeat) option.argParser((value: string, previous?: string[]) => [...previous ?? [], value]);
  if (spec.required) option.makeOptionMandatory();
  return option as Option;
}

function valuesOf(command: Command, specs: readonly OptionSpec[]): Parsed["options"] {
  const values = command.opts() as Record<string, string | string[] | true | undefined>;
  const out: Record<string, string | string[] | true> = {};
  for (const spec of specs) {
    const value = values[toOption(spec).attributeName()];
    if (value !== undefined) out[spec.name] = value;
  }
  return out;
}

function toUsage(error: CommanderError, argv: readonly string[], table: Table): UsageError {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  const words = argv.filter((a) => !a.startsWith("-"));
  const command = table.commands.find((c) => c.name === words.slice(0, c.name.split(" ").length).join(" "));
  const help = `usage: ${command ? usageOf(command) : "ghostctl COMMAND"}`;
  switch (error.code) {
    case "commander.unknownCommand":
    case "commander.help":
      return unknownVerb(quoted === "" ? words.slice(0, 1) : [quoted], table.commands.map((c) => c.name));
    case "commander.unknownOption": {
      const known = [...table.globals, ...command?.options ?? []].map((o) => `--${o.name}`);
      const near = nearest(quoted.split("=")[0]!, known);
      return new UsageError(`Unknown option "${quoted}"`, near ? `did you mean "${near}"?` : help);
    }
    case "commander.missingArgument":
      // A word that is typed as it stands, such as "via", is no name for something.
      return new UsageError(`${quoted === "via" ? '"via"' : quoted.toUpperCase()} is missing`, help);
    case "commander.optionMissingArgument":
    case "commander.missingMandatoryOptionValue":
      return new UsageError(
        error.code === "commander.optionMissingArgument"
          ? `A value is missing after ${quoted.split(" ")[0]}`
          : `${quoted.split(" ")[0]} is missing`,
        help,
      );
    case "commander.excessArguments":
      return new UsageError("Too many arguments", help);
    default:
      return new UsageError(error.message.replace(/^error: /, ""), help);
  }
}

function unknownVerb(words: readonly string[], known: readonly string[]): UsageError {
  const typed = words.join(" ");
  if (typed === "") return new UsageError("No command given");
  const whole = nearest(typed, known) ?? known.find((name) => name.split(" ").includes(typed));
  const first = nearest(typed, [...new Set(known.map((name) => name.split(" ")[0]!))]);
  const near = whole ?? known.find((name) => name.split(" ")[0] === first);
  return new UsageError(
    known.some((name) => name.startsWith(`${typed} `)) ? `"${typed}" needs a verb` : `Unknown command "${typed}"`,
    known.some((name) => name.startsWith(`${typed} `))
      ? `one of: ${known.filter((n) => n.startsWith(`${typed} `)).map((n) => `ghostctl ${n}`).join(", ")}`
      : near
      ? `did you mean "ghostctl ${near}"?`
      : "see: ghostctl help",
  );
}
