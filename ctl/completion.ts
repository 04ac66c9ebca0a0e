/**
 * Completion for bash, zsh and fish. The shells' scripts are short and ask `ghostctl complete -- WORDS`, which prints candidates
 * for the last word, a line each, its meaning after a tab; the candidates come from the command table and, for names of
 * machines, from the daemon.
 *
 * Our own, because the library for it (@bomb.sh/tab 0.0.22) passes what was typed through `eval` in the shell, needs the
 * bash-completion package, and completes neither a second argument nor global options after a verb.
 */
import { Call } from "./call.ts";
import { askDaemon } from "./daemon.ts";
import { Output } from "./output/output.ts";
import type { CommandSpec, OptionSpec, Table } from "./spec.ts";

/** What a shell reads. The words go as arguments, never through `eval`. */
export const SCRIPTS = {
  bash: `_ghostctl() {
  local word _
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do COMPREPLY+=("$word"); done \\
    < <(ghostctl complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _ghostctl ghostctl
`,
  zsh: `#compdef ghostctl
_ghostctl() {
  local -a found
  local word meaning
  while IFS=$'\\t' read -r word meaning; do found+=("\${word//:/\\\\:}:$meaning"); done \\
    < <(ghostctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe ghostctl found; else _files; fi
}
compdef _ghostctl ghostctl
`,
  fish: `function __ghostctl_complete
  set -l words (commandline -opc)
  set -l found (ghostctl complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ghostctl -f -a '(__ghostctl_complete)'
`,
} as const;

/** A word and what it means. */
export type Candidate = readonly [word: string, meaning: string];

/** What only others know: names of machines, asked only where one fits, and what a plugin's verb offers. */
export interface Sources {
  peers(): Promise<string[]>;
  offered?(command: CommandSpec, words: readonly string[]): Promise<string[]>;
}

/** Candidates for the last of `words`, which may be empty or a part. */
export async function candidates(
  words: readonly string[],
  { commands, globals }: Table,
  sources: Sources,
): Promise<Candidate[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = commands.find((c) => c.name.split(" ").every((part, i) => before[i] === part));
  const all = command ? await ofCommand(command, { before, typed, globals, ...sources }) : verbs(commands, before);
  return all.filter(([word]) => word.startsWith(typed));
}

function verbs(commands: readonly CommandSpec[], before: readonly string[]): Candidate[] {
  const next = new Map<string, string>();
  for (const { name, summary } of commands) {
    const parts = name.split(" ");
    const word = parts[before.length];
    if (word === undefined || !before.every((b, i) => b === parts[i])) continue;
    next.set(word, next.has(word) ? "..." : parts.length > before.length + 1 ? `${summary}, ...` : summary);
  }
  return [...next];
}

async function ofCommand(
  command: CommandSpec,
  o: Sources & { before: readonly string[]; typed: string; globals: readonly OptionSpec[] },
): Promise<Candidate[]> {
  const options = [...command.options ?? [], ...o.globals];
  const last = options.find((option) => `--${option.name}` === o.before.at(-1));
  if (last?.value !== undefined) {
    return /^[a-z]+(?:\|[a-z]+)+$/.test(last.value) ? last.value.split("|").map((word) => [word, ""]) : [];
  }
  if (o.typed.startsWith("-")) {
    return options.filter((option) => option.repeat || !o.before.includes(`--${option.name}`))
      .map((option) => [`--${option.name}`, option.summary]);
  }
  const given = o.before.slice(command.name.split(" ").length).filter((word, i, rest) => {
    const option = options.find((known) => `--${known.name}` === rest[i - 1]);
    return !word.startsWith("-") && option?.value === undefined;
  });
  const argument = command.arguments?.[given.length];
  const offered = await o.offered?.(command, [...given, o.typed]) ?? [];
  if (offered.length > 0) return offered.map((word) => [word, ""]);
  if (!argument) return [];
  if (argument.literal) return [[argument.name, ""]];
  if (argument.peer) return (await o.peers()).map((name) => [name, "a machine"]);
  return (argument.values ?? []).map((word) => [word, argument.summary]);
}

/** Prints the candidates for the last of `words`. */
export async function printCandidates(words: readonly string[], table: Table): Promise<void> {
  const call = new Call(
    { command: { name: "complete" } as CommandSpec, args: [], options: {} },
    new Output({ json: false, colour: false }),
    table,
  );
  const sources: Sources = {
    peers: () => peerNames(call),
    offered: async (command, typed) => await command.complete?.(call, typed).catch(() => []) ?? [],
  };
  for (const [word, meaning] of await candidates(words, table, sources)) console.log(`${word}\t${meaning}`);
}

/** Names of the peers that the daemon knows; none when it does not answer: a shell that waits for Tab is not told why. */
async function peerNames(call: Call): Promise<string[]> {
  try {
    const like = { peers: [{ name: "" }] };
    const { peers } = await askDaemon<typeof like>(call, { method: "GET", path: "/v1/peers", like });
    return peers.map((p) => p.name).filter((name) => /^[a-z0-9-]+$/.test(name));
  } catch {
    return [];
  }
}
