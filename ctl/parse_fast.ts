/**
 * Reads the plain form of a command line: the verb, then words, switches and `--option VALUE`, all well formed. Loading the
 * full parser costs more than `status` itself, so it is asked only about what is not as plain as that: `--option=VALUE`,
 * options before the verb, and every mistake. A test holds the two to the same answers.
 */
import type { Parsed, Table } from "./spec.ts";

/** The command line's meaning, or null when the full parser has to judge it. */
export function parseFast(
  argv: readonly string[],
  { commands, globals }: Table,
): Parsed | null {
  const command = commands.find((c) => c.name === argv[0]) ?? commands.find((c) => c.name === `${argv[0]} ${argv[1]}`);
  if (!command) return null;
  const known = new Map([...globals, ...command.options ?? []].map((o) => [`--${o.name}`, o]));
  const args: string[] = [];
  const options: Record<string, string | string[] | true> = {};
  for (let i = command.name.split(" ").length; i < argv.length; i++) {
    const word = argv[i]!;
    if (!word.startsWith("-")) {
      args.push(word);
      continue;
    }
    const option = known.get(word);
    if (!option || (options[option.name] !== undefined && !option.repeat)) return null;
    if (option.value === undefined) options[option.name] = true;
    else {
      const value = argv[++i];
      if (value === undefined || (value.startsWith("-") && value !== "-")) return null;
      if (option.repeat) (options[option.name] ??= [] as string[]) && (options[option.name] as string[]).push(value);
      else options[option.name] = value;
    }
  }
  const wanted = command.arguments ?? [];
  if ((args.length > wanted.length && !wanted.at(-1)?.rest) || args.length < wanted.filter((a) => !a.optional).length) {
    return null;
  }
  if ((command.options ?? []).some((o) => o.required && options[o.name] === undefined)) return null;
  return { command, args, options };
}
