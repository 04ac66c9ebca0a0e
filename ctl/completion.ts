/**
 * Completion for bash, zsh, fish and PowerShell: the shells' scripts are the library's (@bomb.sh/tab), the candidates come from
 * the command table and, for names of machines, from the daemon. The scripts ask `ghostctl complete -- WORDS`.
 */
import { type Command, RootCommand } from "@bomb.sh/tab";
import { Call } from "./call.ts";
import { askDaemon } from "./daemon.ts";
import { Output } from "./output/output.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

interface Table {
  commands: readonly CommandSpec[];
  globals: readonly OptionSpec[];
}

/** Prints a shell's script. */
export function printScript(shell: (typeof SHELLS)[number]): void {
  new RootCommand().setup("ghostctl", "ghostctl", shell);
}

/** Prints the candidates for the last of `words`. */
export async function printCandidates(words: readonly string[], table: Table): Promise<void> {
  const command = table.commands.find((c) => c.name.split(" ").every((part, i) => words[i] === part));
  const peers = command?.arguments?.some((a) => a.peer) ? await peerNames(command) : [];
  const root = new RootCommand();
  addOptions(root, table.globals);
  for (const spec of table.commands) {
    const to = root.command(spec.name, spec.summary);
    addOptions(to, [...table.globals, ...spec.options ?? []]);
    for (const argument of spec.arguments ?? []) {
      to.argument(argument.name, (complete) => {
        if (argument.literal) complete(argument.name, "");
        if (argument.peer) { for (const name of peers) complete(name, "a machine"); }
        for (const value of argument.values ?? []) complete(value, "");
      });
    }
  }
  root.parse([...words]);
}

function addOptions(command: Command, options: readonly OptionSpec[]): void {
  for (const o of options) {
    if (o.value === undefined) command.option(o.name, o.summary);
    else command.option(o.name, o.summary, () => {});
  }
}

/** Names of the peers that the daemon knows; none when it does not answer: a shell that waits for Tab is not told why. */
async function peerNames(command: CommandSpec): Promise<string[]> {
  try {
    const call = new Call({ command, args: [], options: {} }, new Output({ json: false, colour: false }));
    const like = { peers: [{ name: "" }] };
    const { peers } = await askDaemon<typeof like>(call, { method: "GET", path: "/v1/peers", like });
    return peers.map((p) => p.name).filter((name) => /^[a-z0-9-]+$/.test(name));
  } catch {
    return [];
  }
}
