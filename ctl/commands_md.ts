/**
 * COMMANDS.md, made from the command table and what the three servers take.
 *
 * @example
 * ```sh
 * deno run ctl/commands_md.ts | deno fmt --ext=md - > COMMANDS.md
 * ```
 */
import { type CommandSpec, type OptionSpec, usageOf } from "./spec.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";

const HEAD = `# Commands

<!-- Made by ctl/commands_md.ts from ctl/table.ts; a test holds the two together. -->

Four programs: [ghostmesh](#ghostmesh), the coordinator; [ghostgate](#ghostgate), the relay; [ghostlink](#ghostlink), the
daemon on each machine; [ghostctl](#ghostctl), which controls them. After \`deno task install\` they are called by these names; from a
clone they are \`deno task mesh\`, \`gate\`, \`link\` and \`ctl\`, with the same arguments.

\`HOST\` is \`host\`, \`host:port\` or a URL; https and port 7777 unless said (a coordinator on the usual port of https is \`host:443\`).
Every program has \`--help\` and \`--version\`, and tells a failure in one line that names the place and the mend.
`;

const SERVERS = `## ghostmesh

\`\`\`
ghostmesh --config FILE [--state-dir DIR]
\`\`\`

Runs the coordinator. An unclaimed one prints a set-up code and the \`ghostctl init\` line to type.

- \`--config FILE\`: TOML, such as \`ghostmesh.toml\`
- \`--state-dir DIR\`: its store and certificate (/var/lib/ghostmesh as root, else ghostmesh in the XDG state folder)

## ghostgate

\`\`\`
ghostgate --config FILE [--server HOST --auth TOKEN] [--state-dir DIR]
\`\`\`

Runs a gate. It joins a network once, with a token of \`ghostctl token create --gate\`; after that it starts from its state.
Without a network it answers STUN, refuses sessions and says how to admit it.

- \`--config FILE\`: TOML, such as \`ghostgate.toml\`
- \`--server HOST\`: the coordinator
- \`--auth TOKEN\`: the token; \`-\` reads it from standard input, \`@FILE\` from a file
- \`--state-dir DIR\`: its keys and certificate (/var/lib/ghostgate as root, else ghostgate in the XDG state folder)

## ghostlink

\`\`\`
ghostlink join --server HOST --auth TOKEN [--name NAME] [--enrol-only] [--state-dir DIR] [--socket FILE]
ghostlink join --server HOST#NETWORK --auth mtls --cert FILE --key FILE [...]
ghostlink run [--idle] [--config FILE] [--state-dir DIR] [--socket FILE]
\`\`\`

\`join\` makes this machine a member and goes on as its daemon in the foreground; joining again with the same identity is no
error, and when a daemon runs already it is asked to join. \`run\` starts the daemon from its state, also with the coordinator away.

- \`--server HOST\`: the coordinator
- \`--auth TOKEN\`: a token of \`ghostctl token create\`; \`-\` reads it from standard input, \`@FILE\` from a file
- \`--auth mtls\`: by a certificate of a CA that the policy names
- \`--cert FILE\`, \`--key FILE\`: the certificate (PEM, its intermediates after it) and its key, read where they lie, now and
  by the daemon; a certificate that is renewed in its place is taken within half a minute
- \`--network ID\`: without a token, the network's id when \`--server\` does not carry it; on a terminal it may be confirmed instead
- \`--name NAME\`: the machine's name (its host name)
- \`--enrol-only\`: join, and end
- \`--idle\`: when this machine has joined nothing, wait for \`ghostctl join\`
- \`--config FILE\`: TOML, such as \`ghostlink.toml\`
- \`--state-dir DIR\`: its keys and what it knows of the network (/var/lib/ghostlink as root, else ghostlink in the XDG state folder)
- \`--socket FILE\`: where ghostctl finds it (\`GHOSTLINK_SOCKET\`; /run/ghostlink/ghostlink.sock as root, else in XDG_RUNTIME_DIR)

## ghostctl

Verbs about this machine ask its daemon over its socket. Verbs marked (admin), \`init\` and \`token create\` use the admin key in
ghostctl's own folder and ask the coordinator; what it answers is verified against the ledger from genesis on.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed; one line on standard error says why and what to do |
| 2 | wrong usage |
| 3 | daemon or coordinator not reachable |
| 4 | waited in vain (\`ghostctl wait\`) |

With \`--json\` every verb prints one object on standard output, its fields in camelCase beside \`"version": 1\`; times are RFC 3339, sizes
bytes, \`...Ms\` milliseconds; what is not known is null. A failure prints the error's stable \`code\` the same way, and its line on standard error:

\`\`\`json
{"version":1,"error":{"code":"unreachable","message":"No daemon answers at this socket","place":"/run/ghostlink/ghostlink.sock","mend":"start it with: ghostlink run, or name its socket with --socket"}}
\`\`\`

Colour only on a terminal that is not dumb, and not with \`NO_COLOR\`; \`FORCE_COLOR\` does without a terminal. What takes longer
than a second says on standard error what it waits for, at a terminal and without \`--json\`. Tables are as wide as the terminal.

A program \`ghostctl-NAME\` on PATH is run by \`ghostctl NAME ...\` with the words that follow, unless NAME is a verb of ghostctl's own.
It runs as the user with all that this user may do; its exit code is ghostctl's. A typed plugin is a TypeScript module that registers
verbs with help and completion, and runs with the permissions that it declares and you grant: see \`ghostctl plugin add\`.
`;

/** The text of COMMANDS.md. */
export function commandsMarkdown(commands: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  return [
    HEAD,
    SERVERS,
    `Options of every verb:\n\n${optionList(globals)}\n`,
    ...commands.map(section),
  ].join("\n");
}

function section(command: CommandSpec): string {
  const parts = [`### ghostctl ${command.name}`, `\`\`\`\n${usageOf(command)}\n\`\`\``, `${command.summary}.`];
  for (const detail of command.details ?? []) parts.push(escaped(detail));
  const args = (command.arguments ?? []).filter((a) => !a.literal);
  const items = [
    ...args.map((a) => `- \`${a.name.toUpperCase()}\`: ${escaped(a.summary)}`),
    ...(command.options?.length ? [optionList(command.options)] : []),
  ];
  if (items.length) parts.push(items.join("\n"));
  parts.push(
    command.examples.map((e) => `- \`${e.line}\`: ${escaped(e.what)}`).join("\n").replace(/^/, "Examples:\n\n"),
  );
  parts.push(`\`\`\`json\n${JSON.stringify({ version: 1, ...command.json }, null, 2)}\n\`\`\``);
  return `${parts.join("\n\n")}\n`;
}

function optionList(options: readonly OptionSpec[]): string {
  return options.map((o) => `- \`--${o.name}${o.value ? ` ${o.value}` : ""}\`: ${escaped(o.summary)}`).join("\n");
}

/** In running text a lone \`<\` or \`|\` would be read as markup. */
function escaped(text: string): string {
  return text.replace(/[<|]/g, "\\$&");
}

if (import.meta.main) await Deno.stdout.write(new TextEncoder().encode(commandsMarkdown(COMMANDS, GLOBAL_OPTIONS)));
