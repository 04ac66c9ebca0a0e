/**
 * A throw-away world: the current program starts itself again inside namespaces of its own (network, mounts, processes and,
 * for an ordinary user, users), where it is root. Nothing of it reaches the machine outside, and nothing outlives it:
 *
 *     this program -> setpriv --pdeathsig -> setsid -> unshare --kill-child -> this program again, as process 1
 *
 * Whatever ends the outer program ends unshare, that ends process 1, and the kernel ends every process, mount, interface and
 * rule of those namespaces. Files of a lab lie on a tmpfs there, so they go as well.
 *
 * Leaves out: anything about time. A world has the machine's clock.
 */
import { join } from "node:path";
import { waitFor } from "./process.ts";
import { cachedWireguardGo, unshareArgv } from "../setup.ts";
import { exists, PROJECT, run, signal, which } from "../lib/run.ts";

const MARK = "GHOSTMESH_WORLD";
/** "1" when the world was made by an ordinary user. */
const USER_MARK = "GHOSTMESH_WORLD_USER";

/** True in a program that runs inside a world. */
export function inWorld(): boolean {
  return Deno.env.get(MARK) === "1";
}

/** The process ids of what started us for this purpose (deno task, npx, the shell between): when one ends, we are done. */
async function launchers(): Promise<number[]> {
  const script = `p=$1; while [ "$p" -gt 1 ]; do
    case "$(tr '\\0' ' ' <"/proc/$p/cmdline")" in *deno*\\ task\\ *|npm\\ *|npx\\ *|*node*npx*|sh\\ -c*) echo "$p" ;; *) break ;; esac
    p=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' "/proc/$p/stat"); done`;
  const { stdout } = await run(["/bin/sh", "-c", script, "sh", String(Deno.ppid)], { codes: "any" });
  return stdout.split("\n").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, 0 as unknown as Deno.Signal);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied;
  }
}

/**
 * Outside: runs the current program again inside a world with the same arguments, and exits as it did. Inside: returns.
 */
export async function insideWorld(): Promise<void> {
  if (inWorld()) {
    const newest = cachedWireguardGo();
    const script = join(PROJECT, "scripts", "lab", "prepare_world.sh");
    await run(["/bin/sh", script, ...await exists(newest) ? [newest] : []]);
    return;
  }
  Deno.exit(await runInWorld(ownProgram(Deno.args)));
}

/** The arguments of `deno` that start the current program again with other arguments. */
export function ownProgram(args: readonly string[]): string[] {
  const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];
  return ["run", ...settings, Deno.mainModule, ...args];
}

/** Runs `deno ARGUMENTS` inside a fresh world and gives its exit code; the caller's own end ends it too. */
export async function runInWorld(program: readonly string[]): Promise<number> {
  const tool = async (name: string) => await which(name) ?? name;
  const unshare = [await tool("unshare"), ...unshareArgv(), "--mount-proc", "--kill-child"];
  const argv = ["--pdeathsig", "KILL", await tool("setsid"), ...unshare, Deno.execPath(), ...program];
  const path = `${Deno.env.get("PATH") ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
  const child = new Deno.Command(await tool("setpriv"), {
    args: argv,
    stdin: "piped",
    env: {
      [MARK]: "1",
      [USER_MARK]: Deno.uid() === 0 ? "0" : "1",
      PATH: path,
      GHOSTMESH_DENO: Deno.execPath(),
      DENO_DIR: await denoDir(),
    },
  }).spawn();
  tellPid(child).catch(() => {});
  let killedBy: number | undefined;
  const end = (code: number) => {
    killedBy ??= code;
    signal(child.pid, "SIGKILL");
  };
  const handlers = ([["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const).map(([name, code]) => {
    const handler = () => end(code);
    Deno.addSignalListener(name, handler);
    return () => Deno.removeSignalListener(name, handler);
  });
  const parents = await launchers();
  const watch = setInterval(() => {
    if (!parents.every(isAlive)) end(1);
  }, 500);
  try {
    const { code } = await child.status;
    return killedBy ?? code;
  } finally {
    clearInterval(watch);
    for (const remove of handlers) remove();
  }
}

/** Tells process 1 of the world its id outside, on its standard input, because it cannot see that itself. */
async function tellPid(child: Deno.ChildProcess): Promise<void> {
  const find = ["ps", "-o", "pid=", "--ppid", String(child.pid)];
  const pid = await waitFor("the first process of the world", async () => {
    return (await run(find, { codes: "any" })).stdout.trim() || undefined;
  });
  await child.stdin.getWriter().write(new TextEncoder().encode(`${pid}\n`));
}

/** Inside: the arguments of `nsenter` that lead into this world from outside; to be asked once. */
export async function entryArgs(): Promise<string[]> {
  const user = Deno.env.get(USER_MARK) === "1" ? ["-U", "--preserve-credentials"] : [];
  return ["-t", String(await worldPid()), ...user, "-n", "-m", "-p"];
}

/** Inside: the process id outside of the world of process 1. */
async function worldPid(): Promise<number> {
  const buffer = new Uint8Array(32);
  const length = await Deno.stdin.read(buffer);
  return Number(new TextDecoder().decode(buffer.subarray(0, length ?? 0)).trim());
}

/** Deno's cache folder: inside a world HOME may be another one, and there is no network to fill a new cache. */
export async function denoDir(): Promise<string> {
  const { stdout } = await run([Deno.execPath(), "info", "--json"], { cwd: PROJECT });
  return (JSON.parse(stdout) as { denoDir: string }).denoDir;
}
