/**
 * Runs a plugin's module: a Deno of its own with the permissions that it declares and the user granted, no prompt, no
 * configuration, no remote modules and no packages.
 */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { State } from "./api.ts";
import { FRAME, mainModule, moduleOf } from "./harness.ts";
import type { Allowed } from "./manifest.ts";
import { flags } from "./permissions.ts";

/** What the module is to do. */
export type Action =
  | { action: "describe" }
  | { action: "complete"; verb: string; words: readonly string[] }
  | { action: "run"; verb: string; args: readonly string[]; options: Record<string, unknown>; json: boolean };

export interface PluginRun {
  /** The module's text, as it was checked. */
  source: string;
  /** Where it lies, for errors. */
  file: string;
  allowed: Allowed;
  /** Folders that stay closed whatever is allowed. */
  closed: readonly string[];
  /** Milliseconds after which it is ended; null for as long as it likes. */
  timeout: number | null;
  /** Asks the daemon. */
  state(what: State): Promise<unknown>;
  print(text: string): void;
  remark(text: string): void;
}

/** A line of a plugin is not longer than this, in characters. */
const MAX_LINE = 1 << 23;

interface Frame {
  ask?: unknown;
  id?: unknown;
  print?: unknown;
  remark?: unknown;
  done?: unknown;
  failed?: unknown;
  capable?: unknown;
}

/**
 * What the module answered.
 * @throws GhostError `missing_privilege` for what it may not, `timeout`, `internal` for its own faults
 */
export async function runModule(o: PluginRun, action: Action): Promise<unknown> {
  const child = start(o);
  const writer = child.stdin.getWriter();
  const tell = (value: unknown) =>
    writer.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`)).catch(() => {/* it ended; its end is told */});
  let late = false;
  const timer = o.timeout === null ? undefined : setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, o.timeout);
  let refused: GhostError | null = null;
  const answered = async (frame: Frame) => {
    try {
      return { id: frame.id, answer: await answer(o, frame.ask) };
    } catch (error) {
      if (error instanceof GhostError) refused = error;
      return { id: frame.id, refused: error instanceof GhostError ? error.line : (error as Error).message };
    }
  };
  try {
    void tell({ ...action, source: moduleOf(o.source) });
    for await (const line of linesOf(child.stdout, o.file)) {
      const frame = frameOf(line);
      if (frame === null) o.print(line);
      else if (frame.print !== undefined) o.print(String(frame.print));
      else if (frame.remark !== undefined) o.remark(String(frame.remark));
      else if (frame.ask !== undefined) void answered(frame).then(tell);
      // What the daemon refused, and the module let pass, is told as it is everywhere.
      else if (frame.failed !== undefined && frame.failed === lineOf(refused)) throw refused;
      else if (frame.failed !== undefined) throw failure(o.file, String(frame.failed), frame.capable !== false);
      else if ("done" in frame) return frame.done;
    }
    if (late) {
      throw new GhostError("timeout", `The plugin did not end within ${o.timeout! / 1000} s`, { place: o.file });
    }
    throw new GhostError("internal", "The plugin ended without an answer", { place: o.file });
  } finally {
    clearTimeout(timer);
    await writer.close().catch(() => {});
    try {
      child.kill("SIGKILL");
    } catch { /* it ended by itself */ }
    await child.status;
  }
}

function start({ file, allowed, closed }: PluginRun): Deno.ChildProcess {
  const deno = Deno.execPath();
  const args = ["run", "--quiet", "--no-prompt", "--no-config", "--no-remote", "--no-npm", "--no-lock"];
  const home = Deno.env.get("HOME");
  const env: Record<string, string> = { NO_COLOR: "1", DENO_NO_PACKAGE_JSON: "1" };
  if (home !== undefined) env["HOME"] = home;
  try {
    return new Deno.Command(deno, {
      args: [...args, ...flags(allowed, closed), mainModule()],
      // Which variables the module may read is Deno's to hold; without any, and without programs, there is nothing to pass on.
      clearEnv: allowed.env.length === 0 && allowed.run.length === 0,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new GhostError("missing_privilege", "This ghostctl may not start the process of a plugin", {
      place: file,
      mend: `type the plugin's verb first; a ghostctl of deno install needs --allow-run=${deno} as well`,
      cause,
    });
  }
}

async function answer(o: PluginRun, ask: unknown): Promise<unknown> {
  const what = o.allowed.state.find((known) => known === ask);
  if (what === undefined) throw new Error(`Requires state access to "${ask}"`);
  return await o.state(what);
}

const lineOf = (error: GhostError | null) => error?.line;

function failure(file: string, message: string, capable: boolean): GhostError {
  const [, kind] = /^Requires (\w+) access/.exec(message) ?? [];
  const line = message.replace(/, run again with the --allow-.*$/s, "").slice(0, 500);
  if (capable && kind === undefined) return new GhostError("internal", `The plugin failed: ${line}`, { place: file });
  return new GhostError("missing_privilege", `The plugin may not do this: ${line}`, {
    place: file,
    mend: `its module has to declare it, and you to grant it: ghostctl plugin add ${file} --grant ${kind ?? "KIND"}`,
  });
}

function frameOf(line: string): Frame | null {
  if (!line.startsWith(FRAME)) return null;
  try {
    const value = JSON.parse(line.slice(1));
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>, file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    if (rest.length > MAX_LINE) throw new GhostError("too_large", "The plugin's answer is too long", { place: file });
    yield* lines;
  }
  if (rest !== "") yield rest;
}
