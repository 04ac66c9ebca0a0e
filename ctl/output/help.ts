/** Help, made from the command table. */
import { terminalWidth } from "./text.ts";
import { type CommandSpec, type OptionSpec, usageOf } from "../spec.ts";

/** The verbs by what people look for, each section by the first words of its verbs; what is in none comes last. */
const SECTIONS: readonly (readonly [string, readonly string[]])[] = [
  ["this machine", ["up", "down", "join", "leave", "status", "set", "whoami", "keys", "wait", "events", "logs"]],
  ["other machines", ["peers", "ping", "ssh", "whois", "dns", "exit-node"]],
  ["when something does not work", ["netcheck", "debug", "firewall"]],
  ["the network", ["init", "token", "nodes", "gate", "route", "policy"]],
  ["trust", ["admin", "sign", "ledger", "audit", "certificate", "issuer"]],
  ["ghostctl itself", ["config", "plugin", "completion", "version"]],
];

/** Verbs under the headings above, in columns of one width. */
function sections(commands: readonly CommandSpec[]): string[] {
  const first = (c: CommandSpec) => c.name.split(" ")[0]!;
  const known = new Set(SECTIONS.flatMap(([, words]) => words));
  const others = [...new Set(commands.map(first).filter((word) => !known.has(word)))];
  const width = Math.max(...commands.map((c) => c.name.length));
  return [...SECTIONS, ["more", others] as const].flatMap(([title, words]) => {
    const own = words.flatMap((word) => commands.filter((c) => first(c) === word));
    return own.length === 0 ? [] : [`${title}:`, columns(own.map((c) => [c.name, c.summary]), width), ""];
  });
}

/** The list of all verbs. */
export function overview(commands: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  return [
    "ghostctl controls GhostMesh: this machine's daemon, and the networks that you administer.",
    "",
    "usage: ghostctl COMMAND [options]",
    "",
    ...sections(commands),
    "options of every command:",
    columns(globals.map(optionRow)),
    "",
    "exit codes: 0 done, 1 failed, 2 wrong usage, 3 daemon or server not reachable, 4 waited in vain",
    "more: ghostctl help COMMAND",
  ].join("\n");
}

/** All about one verb. */
export function commandHelp(command: CommandSpec, globals: readonly OptionSpec[]): string {
  const lines = [`usage: ${usageOf(command)}`, "", `${command.summary}.`];
  for (const detail of command.details ?? []) lines.push("", detail);
  const args = (command.arguments ?? []).filter((a) => !a.literal);
  if (args.length) lines.push("", "arguments:", columns(args.map((a) => [a.name.toUpperCase(), a.summary])));
  if (command.options?.length) lines.push("", "options:", columns(command.options.map(optionRow)));
  lines.push("", "options of every command:", columns(globals.map(optionRow)));
  lines.push("", "examples:", ...command.examples.map((e) => `  ${e.line}\n      ${e.what}`));
  return lines.join("\n");
}

function optionRow(option: OptionSpec): [string, string] {
  return [`--${option.name}${option.value ? ` ${option.value}` : ""}`, option.summary];
}

function columns(
  rows: readonly (readonly [string, string])[],
  width = Math.max(...rows.map(([left]) => left.length)),
): string {
  const indent = width + 4;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${wrapped(right, indent)}`).join("\n");
}

/** Text broken between words where the terminal ends; on a very narrow one it is left to the terminal. */
function wrapped(text: string, indent: number): string {
  const room = terminalWidth() - indent;
  if (room < 20) return text;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
