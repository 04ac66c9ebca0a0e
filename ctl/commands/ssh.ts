/**
 * `ghostctl ssh NAME [COMMAND...]`: the system's ssh, over the tunnel, with the host keys of the machine's signed record and no
 * others: nothing is asked and nothing is learnt on first use.
 */
import { GhostError } from "../../mesh/wire/errors.ts";
import { findTool } from "../../mesh/host/runner.ts";
import type { Call } from "../call.ts";
import { askWhois } from "../machine/whois.ts";
import { configDir } from "../paths.ts";
import { openPrivateDir } from "../../mesh/host/state_dir.ts";

export async function run(call: Call): Promise<number> {
  const [, user, host] = /^(?:([^@]+)@)?(.+)$/.exec(call.args[0]!)!;
  if (host!.startsWith("-") || user?.startsWith("-")) throw call.wrong("A machine's name does not begin with -");
  const port = call.text("port") === undefined ? null : call.count("port", { min: 1, max: 65_535, otherwise: 22 });
  const machine = await askWhois(call, host!);
  if (machine.sshHostKeys.length === 0) {
    throw new GhostError("not_found", `${machine.name} publishes no SSH host keys`, {
      mend: "on that machine an SSH server has to be installed, and: ghostctl set --ssh on",
    });
  }
  const ssh = await findTool("ssh", "apt-get install openssh-client");
  const dir = configDir(call);
  await openPrivateDir(dir, { mend: "choose another with --config-dir" });
  const file = await Deno.makeTempFile({ dir, prefix: "known-hosts-" });
  try {
    await Deno.writeTextFile(file, knownHosts(machine.name, machine.sshHostKeys), { mode: 0o600 });
    const args = [
      ...sshOptions(machine.name, file),
      ...port === null ? [] : ["-p", String(port)],
      ...user === undefined ? [] : ["-l", user],
      machine.addresses[0]!,
      ...call.args.slice(1),
    ];
    return await attached(ssh, args);
  } finally {
    await Deno.remove(file).catch(() => {});
  }
}

/** The text of a known_hosts file that names one machine. The keys hold no line breaks (mesh/wire/ssh_key.ts). */
export function knownHosts(name: string, keys: readonly string[]): string {
  return keys.map((key) => `${name} ${key}\n`).join("");
}

/** The options that let ssh believe that file and nothing else. */
export function sshOptions(name: string, file: string): string[] {
  const options = {
    UserKnownHostsFile: `"${file}"`,
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: name,
    StrictHostKeyChecking: "yes",
    CheckHostIP: "no",
    UpdateHostKeys: "no",
    VerifyHostKeyDNS: "no",
  };
  return Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** Runs a program with our own terminal; its exit code is ours. */
async function attached(cmd: string, args: string[]): Promise<number> {
  try {
    const child = new Deno.Command(cmd, { args, stdin: "inherit", stdout: "inherit", stderr: "inherit" }).spawn();
    return (await child.status).code;
  } catch (cause) {
    const mend = "use the installed ghostctl, or allow it: --allow-run=" + cmd;
    throw new GhostError("missing_privilege", "May not run this program", { place: cmd, mend, cause });
  }
}
