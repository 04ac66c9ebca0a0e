/**
 * COMMANDS.md, made from the command table, what the three servers take, and the schemas that read their configuration.
 *
 * @example
 * ```sh
 * deno run scripts/commands_md.ts | deno fmt --ext=md - > COMMANDS.md
 * ```
 */
import { type CommandSpec, type OptionSpec, usageOf } from "../ctl/spec.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "../ctl/table.ts";
import { gateConfigFile } from "../gate/host/config.ts";
import { linkConfigFile } from "../link/host/config.ts";
import { meshConfigFile } from "../mesh/selfhost/config.ts";
import type { z } from "../mesh/wire/schema.ts";
import { configKeys } from "./lib/config_keys.ts";

const HEAD = `# Commands

<!-- Made by scripts/commands_md.ts, from ctl/table.ts and what reads the programs' configuration; tests hold them together. -->

Four programs: [ghostmesh](#ghostmesh), the coordinator; [ghostgate](#ghostgate), the relay; [ghostlink](#ghostlink), the
daemon on each machine; [ghostctl](#ghostctl), which controls them. After \`deno task install\` they are called by these names; from a
clone they are \`deno task mesh\`, \`gate\`, \`link\` and \`ctl\`, with the same arguments.

\`HOST\` is \`host\`, \`host:port\` or a URL; https and port 7777 unless said (a coordinator on the usual port of https is \`host:443\`).
Every program has \`--help\` and \`--version\`, and tells a failure in one line that names the place and the mend.
`;

const SERVERS = `## ghostmesh

\`\`\`
ghostmesh [--config FILE] [--state-dir DIR]
\`\`\`

Runs the coordinator. An unclaimed one prints a set-up code and the \`ghostctl init\` line to type.

- \`--config FILE\`: \`ghostmesh.toml\`, [below](#ghostmeshtoml)
- \`--state-dir DIR\`: its store and certificate (/var/lib/ghostmesh as root, else ghostmesh in the XDG state folder)

### ghostmesh.toml

Paths are relative to the file.

${configTable(meshConfigFile)}

## ghostgate

\`\`\`
ghostgate [--config FILE] [--auth TOKEN] [--server HOST] [--state-dir DIR]
ghostgate check [--config FILE]
\`\`\`

Runs a gate. It joins a network once, with a token of \`ghostctl token create --gate\`; after that it starts from its state.
Without a network it answers STUN, refuses sessions and says how to admit it. \`check\` starts nothing: it says what this host lacks
to relay at full rate, and what to type; the exit code is 1 when there is something.

- \`--config FILE\`: \`ghostgate.toml\`, [below](#ghostgatetoml)
- \`--auth TOKEN\`: the token; \`-\` reads it from standard input, \`@FILE\` from a file
- \`--server HOST\`: the coordinator, if it is not the one that the token names
- \`--state-dir DIR\`: its keys and certificate (/var/lib/ghostgate as root, else ghostgate in the XDG state folder)

### ghostgate.toml

${configTable(gateConfigFile)}

## ghostlink

\`\`\`
ghostlink join --auth TOKEN [--server HOST] [--name NAME] [--enrol-only] [--config FILE] [--state-dir DIR] [--socket FILE]
ghostlink join --auth oidc --server HOST#NETWORK [--browser] [...]
ghostlink join --auth mtls --server HOST#NETWORK --cert FILE --key FILE [...]
ghostlink run [--idle] [--config FILE] [--state-dir DIR] [--socket FILE]
ghostlink login [--auth TOKEN] [--browser] [--state-dir DIR] [--socket FILE]
\`\`\`

\`join\` makes this machine a member and goes on as its daemon in the foreground; joining again with the same identity is no
error, and when a daemon runs already it is asked to join. \`run\` starts the daemon from its state, also with the coordinator away.
\`login\` lets a member in again, before or after its log-in or its key has ended: by the identity provider, or by a new token.

- \`--auth TOKEN\`: a token of \`ghostctl token create\`; \`-\` reads it from standard input, \`@FILE\` from a file
- \`--auth oidc\`: by a log-in at an identity provider that the policy names
- \`--auth mtls\`: by a certificate of a CA that the policy names
- \`--server HOST\`: the coordinator, if it is not the one that the token names
- \`--browser\`: the browser for the log-in runs on this machine
- \`--cert FILE\`, \`--key FILE\`: the certificate (PEM, its intermediates after it) and its key, read where they lie, now and
  by the daemon; a certificate that is renewed in its place is taken within half a minute
- \`--network ID\`: without a token, the network's id when \`--server\` does not carry it; on a terminal it may be confirmed instead
- \`--name NAME\`: the machine's name (its host name)
- \`--enrol-only\`: join, and end
- \`--idle\`: when this machine has joined nothing, wait for \`ghostctl join\`
- \`--config FILE\`: \`ghostlink.toml\`, [below](#ghostlinktoml)
- \`--state-dir DIR\`: its keys and what it knows of the network (/var/lib/ghostlink as root, else ghostlink in the XDG state folder)
- \`--socket FILE\`: where ghostctl finds it (\`GHOSTLINK_SOCKET\`; /run/ghostlink/ghostlink.sock as root, else in XDG_RUNTIME_DIR)

### ghostlink.toml

${configTable(linkConfigFile)}

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

/** A row for each key of a configuration file. */
function configTable(schema: z.ZodType): string {
  const rows = configKeys(schema).map(({ path, otherwise, meaning }) => {
    const [, section, key] = /^(\w+)\.(.+)$/.exec(path)!;
    return `| \`[${section}]\` | \`${key}\` | ${otherwise === null ? "" : `\`${otherwise}\``} | ${escaped(meaning)} |`;
  });
  return ["| section | key | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

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
