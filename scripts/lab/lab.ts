/**
 * Machines and cables inside a world. A host has its own network, mounts and name, so it looks like a machine of its own: each
 * has its own /run, /var/lib/ghost* and home folder, and the programs use their default places exactly as on a real one. On
 * PATH are ghostmesh, ghostgate, ghostlink and ghostctl of this clone.
 */
import { join } from "node:path";
import { Failure, type Output, PROJECT, run, type RunOptions, signal } from "../lib/run.ts";
import { Process, waitFor } from "./process.ts";
import { inWorld } from "./world.ts";

const SCRIPTS = join(PROJECT, "scripts");
/** The home and working folder of every host. */
export const HOME = "/run/home";

/** A machine of the lab. */
export class Host {
  readonly name: string;
  /** A process that keeps the host's namespaces; inside the world, `nsenter -t PID -n -m -u` goes there. */
  readonly keeper: number;
  readonly processes: Process[] = [];
  /** Environment of everything that runs here. */
  readonly env: Record<string, string>;

  constructor(name: string, keeper: number) {
    this.name = name;
    this.keeper = keeper;
    this.env = {
      PATH: `${HOME}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
      GHOSTMESH_DENO: Deno.execPath(),
    };
  }

  /** The command line that runs `argv` on this host, in its home folder. */
  argv(argv: readonly string[]): string[] {
    const enter = ["nsenter", "-t", String(this.keeper), "-n", "-m", "-u", "--"];
    return [...enter, "/bin/sh", "-c", `cd ${HOME} && exec "$@"`, "sh", ...argv];
  }

  /** Runs a program to its end. @throws Failure when it ends otherwise than asked */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
    try {
      return await run(this.argv(argv), { ...options, clearEnv: true, env: { ...this.env, ...options.env } });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(`On ${this.name}: ${error.message.replace(/^nsenter .*? sh -c .*? sh /, "")}`);
    }
  }

  /** Runs a shell script to its end. */
  async sh(script: string, ...args: string[]): Promise<Output> {
    return await this.run(["/bin/sh", "-euc", script, "sh", ...args]);
  }

  /** Starts a program that goes on. */
  spawn(name: string, argv: readonly string[], o: { stdin?: string; env?: Record<string, string> } = {}): Process {
    const env = { ...this.env, ...o.env };
    const stdin = o.stdin === undefined ? {} : { stdin: o.stdin };
    const process = new Process(`${this.name} ${name}`, this.argv(argv), { env, ...stdin });
    this.processes.push(process);
    return process;
  }

  /** Writes a file, mode 0600. */
  async write(path: string, text: string): Promise<void> {
    await this.run(["/bin/sh", "-euc", 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"', "sh", path], {
      stdin: text,
    });
  }

  /** Runs ghostctl here to its end. */
  async ctl(args: readonly string[], options: RunOptions = {}): Promise<Output> {
    return await this.run(["ghostctl", ...args], options);
  }

  /** Runs ghostctl with `--json` and gives what it printed. */
  async ctlJson<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    return JSON.parse((await this.ctl([...args, "--json"], options)).stdout) as T;
  }
}

/** A set of hosts and the cables between them. */
export class Lab {
  readonly hosts = new Map<string, Host>();
  #keepers: Deno.ChildProcess[] = [];

  /** @throws Failure outside of a world */
  constructor() {
    if (!inWorld()) throw new Failure("A lab runs inside a world only (scripts/lab/world.ts)");
  }

  /** A host by name. */
  host(name: string): Host {
    const host = this.hosts.get(name);
    if (!host) throw new Failure(`No host "${name}" in this lab`);
    return host;
  }

  /** Makes a machine without cables. */
  async addHost(name: string): Promise<Host> {
    const keeper = new Deno.Command("unshare", {
      args: ["-n", "-m", "-u", "/bin/sh", join(SCRIPTS, "lab", "prepare_host.sh"), name, SCRIPTS],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#keepers.push(keeper);
    const reader = keeper.stdout.getReader();
    const { value } = await reader.read();
    if (!value) throw new Failure(`Cannot make the host "${name}"`);
    await reader.cancel();
    const host = new Host(name, keeper.pid);
    this.hosts.set(name, host);
    await run(["ip", "netns", "attach", name, String(keeper.pid)]);
    return host;
  }

  /** A cable between two hosts: an interface at each end, up, without addresses. */
  async connect(a: Host, ifA: string, b: Host, ifB: string): Promise<void> {
    const ends = ["name", ifA, "netns", a.name, "type", "veth", "peer", "name", ifB, "netns", b.name];
    await run(["ip", "link", "add", ...ends]);
    await run(["ip", "-n", a.name, "link", "set", ifA, "up"]);
    await run(["ip", "-n", b.name, "link", "set", ifB, "up"]);
  }

  /**
   * Writes `/run/lab/on`, which runs a command on a host of this lab (`on alice ghostctl peers`), or a shell without one.
   * @returns its path
   */
  async writeEntry(): Promise<string> {
    const path = "/run/lab/on";
    const cases = [...this.hosts.values()].map((host) => `  ${host.name}) keeper=${host.keeper} ;;`).join("\n");
    const [first] = this.hosts.values();
    const env = Object.entries(first?.env ?? {}).map(([name, value]) => `${name}='${value}'`).join(" ");
    const script = `#!/bin/sh
case \${1:-} in
${cases}
  *) echo "usage: on HOST [COMMAND...], HOST one of: ${[...this.hosts.keys()].join(" ")}" >&2; exit 2 ;;
esac
shift
[ $# -gt 0 ] || set -- /bin/bash --norc
exec nsenter -t "$keeper" -n -m -u -- env -i TERM="$TERM" ${env} /bin/sh -c 'cd && exec "$@"' sh "$@"
`;
    await Deno.writeTextFile(path, script);
    await Deno.chmod(path, 0o755);
    return path;
  }

  /** The last lines of every program that ran, for a report of a failure. */
  logs(count = 15): string {
    return [...this.hosts.values()].flatMap((host) => host.processes.map((p) => p.tail(count))).filter(Boolean)
      .join("\n");
  }

  /** Writes what every program printed into a folder, one file each. */
  async saveLogs(dir: string): Promise<void> {
    await Deno.mkdir(dir, { recursive: true });
    for (const host of this.hosts.values()) {
      for (const [i, p] of host.processes.entries()) {
        const text = p.lines.map((line) => `${(line.at / 1000).toFixed(3)} ${line.text}\n`).join("");
        await Deno.writeTextFile(join(dir, `${i}-${p.name.replace(/[^a-z0-9.-]+/gi, "_")}.log`), text);
      }
    }
  }

  /** Ends everything that runs here, and the hosts. */
  async dispose(): Promise<void> {
    const processes = [...this.hosts.values()].flatMap((host) => host.processes);
    await Promise.all(processes.map((p) => p.stop("SIGTERM", 3000)));
    for (const name of this.hosts.keys()) await this.#sweep(name);
    for (const keeper of this.#keepers) {
      signal(keeper.pid, "SIGKILL");
      await keeper.status;
    }
    for (const name of this.hosts.keys()) await run(["ip", "netns", "del", name], { codes: "any" });
    this.hosts.clear();
    this.#keepers = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Ends what a killed daemon left on a host, such as its wireguard-go. */
  async #sweep(name: string): Promise<void> {
    const keeper = String(this.host(name).keeper);
    await waitFor(`the end of all programs on ${name}`, async () => {
      const pids = (await run(["ip", "netns", "pids", name], { codes: "any" })).stdout.split("\n").filter(Boolean);
      const left = pids.filter((pid) => pid !== keeper);
      for (const pid of left) signal(Number(pid), "SIGKILL");
      return left.length === 0;
    }, { every: 20 });
  }
}
