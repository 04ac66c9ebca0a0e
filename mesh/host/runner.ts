/**
 * Subprocesses, behind two methods so that tests can stand in for the system: argv arrays, absolute paths, no shell, and an
 * environment that holds nothing but what the caller names.
 */
import { GhostError } from "../wire/errors.ts";

/** What a finished program left. */
export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  /** Milliseconds after which it is killed and the call fails; 30 seconds unless said. */
  timeout?: number;
}

export interface SpawnOptions {
  env?: Record<string, string>;
  /** Called for each line it writes. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** A program that goes on beside us. */
export interface RunningChild {
  readonly pid: number;
  /** Resolves when it ended and its last lines were told. */
  readonly status: Promise<{ code: number; signal: string | null }>;
  /** Does nothing when it has ended. */
  kill(signal?: Deno.Signal): void;
}

export interface Runner {
  /** Runs a program to its end; a code other than 0 is no exception. `cmd` is an absolute path. */
  run(cmd: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  spawn(cmd: string, args: readonly string[], options?: SpawnOptions): RunningChild;
}

/** The real one. */
export const systemRunner: Runner = {
  async run(cmd, args, { stdin, env = {}, timeout = 30_000 } = {}) {
    const child = start(cmd, args, { env, stdin: stdin === undefined ? "null" : "piped" });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      quietly(() => child.kill("SIGKILL"));
    }, timeout);
    try {
      const [output] = await Promise.all([child.output(), stdin === undefined ? undefined : feed(child, stdin)]);
      if (late) throw new GhostError("timeout", `No end after ${timeout / 1000} s`, { place: cmd });
      const decoder = new TextDecoder();
      return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
    } finally {
      clearTimeout(timer);
    }
  },

  spawn(cmd, args, { env = {}, onLine = () => {} } = {}) {
    const child = start(cmd, args, { env, stdin: "null" });
    const told = Promise.all([
      eachLine(child.stdout, (line) => onLine(line, "stdout")),
      eachLine(child.stderr, (line) => onLine(line, "stderr")),
    ]);
    let ended = false;
    const status = (async () => {
      const { code, signal } = await child.status;
      ended = true;
      await told;
      return { code, signal };
    })();
    return {
      pid: child.pid,
      status,
      kill: (signal = "SIGTERM") => {
        if (!ended) quietly(() => child.kill(signal));
      },
    };
  },
};

/** Folders of the system's own programs; PATH is not asked, because whoever sets it would choose what runs with our rights. */
const TOOL_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The absolute path of a program.
 * @param mend what to type to get it, such as `apt-get install wireguard-tools`
 * @throws GhostError `missing_tool`
 */
export async function findTool(name: string, mend: string): Promise<string> {
  for (const dir of TOOL_DIRS) {
    const path = `${dir}/${name}`;
    try {
      const info = await Deno.stat(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
    }
  }
  throw new GhostError("missing_tool", `"${name}" is not installed`, { place: TOOL_DIRS.join(":"), mend });
}

function start(
  cmd: string,
  args: readonly string[],
  { env, stdin }: { env: Record<string, string>; stdin: "null" | "piped" },
): Deno.ChildProcess {
  if (!cmd.startsWith("/")) throw new TypeError(`Not an absolute path: "${cmd}"`);
  try {
    return new Deno.Command(cmd, { args: [...args], clearEnv: true, env, stdin, stdout: "piped", stderr: "piped" })
      .spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new GhostError("missing_tool", "No such program", { place: cmd, cause: error });
    }
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new GhostError("missing_privilege", "May not run this program", { place: cmd, cause: error });
    }
    throw error;
  }
}

async function feed(child: Deno.ChildProcess, stdin: string | Uint8Array): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin);
    await writer.close();
  } catch (error) {
    // A program may end without reading all of it; its exit code tells.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Splits a stream into lines; a line longer than 64 KiB is told in parts, so that memory stays bounded. */
async function eachLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>, tell: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) tell(line);
    if (rest.length > 65_536) {
      tell(rest);
      rest = "";
    }
  }
  if (rest !== "") tell(rest);
}

function quietly(run: () => void): void {
  try {
    run();
  } catch { /* it ended a moment ago */ }
}
