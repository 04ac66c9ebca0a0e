/** What the scripts share: the clone's folder, running tools by argv arrays, and ending with one line when something is missing. */
import { dirname, join } from "node:path";

/** The clone's root folder. */
export const PROJECT: string = dirname(dirname(import.meta.dirname!));

/** Folders of the system's programs; an ordinary user's PATH often lacks the sbin ones. */
const TOOL_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** A failure that is told in one line; anything else is a fault of the script and shows its stack. */
export class Failure extends Error {
  override name = "Failure";
}

/** A command line that cannot be meant. */
export class Misuse extends Failure {
  override name = "Misuse";
}

/** What a finished tool left. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** True starts from an empty environment. */
  clearEnv?: boolean;
  /** Exit codes that are no failure; `"any"` takes all. 0 unless said. */
  codes?: readonly number[] | "any";
  /** Milliseconds after which it is killed; two minutes unless said. */
  timeout?: number;
}

/**
 * Runs a tool to its end and gives what it wrote.
 * @throws Failure with the command and its last lines when it ends otherwise than asked
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { stdin, cwd, env, clearEnv = false, codes = [0], timeout = 120_000 } = options;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(argv[0]!, {
      args: argv.slice(1),
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      clearEnv,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
    }).spawn();
  } catch (error) {
    throw new Failure(`Cannot start ${argv[0]}: ${error instanceof Error ? error.message : error}`);
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    signal(child.pid, "SIGKILL");
  }, timeout);
  try {
    const [output] = await Promise.all([child.output(), stdin === undefined ? undefined : feed(child.stdin, stdin)]);
    const decoder = new TextDecoder();
    const result = { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
    if (late) throw new Failure(`${argv.join(" ")}: no end after ${timeout / 1000} s\n${tail(result)}`);
    if (codes !== "any" && !codes.includes(output.code)) {
      throw new Failure(`${argv.join(" ")}: exit code ${output.code}\n${tail(result)}`);
    }
    return result;
  } finally {
    clearTimeout(timer);
  }
}

function tail({ stdout, stderr }: Output): string {
  return (stderr.trim() || stdout.trim()).split("\n").slice(-12).join("\n");
}

/** Writes all of `text` to a child's standard input; a child that ends without reading it is no failure. */
export async function feed(stream: WritableStream<Uint8Array<ArrayBuffer>>, text: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Sends a signal to a process that may have ended a moment ago. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch { /* it ended */ }
}

/** True when there is a file or folder of this name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** The absolute path of a program, searched in PATH and the system's folders. */
export async function which(name: string, extra: readonly string[] = []): Promise<string | undefined> {
  for (const dir of [...(Deno.env.get("PATH") ?? "").split(":"), ...TOOL_DIRS, ...extra]) {
    if (!dir.startsWith("/")) continue;
    const path = join(dir, name);
    try {
      const info = await Deno.stat(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch { /* not here */ }
  }
  return undefined;
}

/** Runs a script's main function and exits with its code; a Failure becomes one line and 1, a Misuse 2. */
export async function main(body: () => Promise<number | void>): Promise<never> {
  let code: number;
  try {
    code = await body() ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    code = error instanceof Misuse ? 2 : 1;
  }
  Deno.exit(code);
}
