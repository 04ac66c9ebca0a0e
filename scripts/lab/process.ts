/** A program that runs on in a lab: its output is kept, can be waited for, and it ends by its own process id. */
import { Failure, feed, signal } from "../lib/run.ts";

/** Asks `probe` until it gives something (not undefined, null or false), and gives that. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  { timeout = 30_000, every = 25 }: { timeout?: number; every?: number } = {},
): Promise<T> {
  const end = performance.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const why = last === undefined ? "" : ` (${last instanceof Error ? last.message : last})`;
      throw new Failure(`Waited ${timeout / 1000} s in vain for ${what}${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** One line of output and when it came (`performance.now()`). */
export interface Line {
  at: number;
  text: string;
}

/** A running program. */
export class Process {
  readonly name: string;
  readonly pid: number;
  /** When it was started (`performance.now()`). */
  readonly startedAt: number = performance.now();
  /** What it wrote so far, both streams, in the order of arrival. */
  readonly lines: Line[] = [];
  /** Resolves when it ended and its last lines are in `lines`. */
  readonly ended: Promise<{ code: number; signal: string | null }>;
  #running = true;
  /** Its last lines are in `lines`. */
  #told = false;
  #child: Deno.ChildProcess;

  constructor(name: string, argv: readonly string[], o: { env: Record<string, string>; stdin?: string }) {
    this.name = name;
    const stdin = o.stdin === undefined ? "null" : "piped";
    this.#child = new Deno.Command(argv[0]!, {
      args: argv.slice(1),
      clearEnv: true,
      env: o.env,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    if (o.stdin !== undefined) feed(this.#child.stdin, o.stdin).catch(() => {});
    const told = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
    this.ended = this.#child.status.then(async ({ code, signal }) => {
      this.#running = false;
      await told;
      this.#told = true;
      return { code, signal };
    });
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      for (const text of parts) this.lines.push({ at: performance.now(), text });
    }
    if (rest) this.lines.push({ at: performance.now(), text: rest });
  }

  get running(): boolean {
    return this.#running;
  }

  /** All that it wrote so far. */
  get text(): string {
    return this.lines.map((line) => line.text).join("\n");
  }

  /**
   * Waits for a line that fits.
   * @param from only lines from this index on
   * @throws Failure when the program ends without it, or after `timeout` ms
   */
  async line(pattern: RegExp, { from = 0, timeout = 30_000 } = {}): Promise<Line & { match: RegExpExecArray }> {
    const what = `${pattern} from ${this.name}`;
    try {
      return await waitFor(what, () => {
        const ended = this.#told;
        for (let i = from; i < this.lines.length; i++) {
          const match = pattern.exec(this.lines[i]!.text);
          if (match) return { ...this.lines[i]!, match };
        }
        if (ended) return { at: -1, text: "", match: [] as unknown as RegExpExecArray };
        return undefined;
      }, { timeout, every: 5 }).then((found) => {
        if (found.at < 0) throw new Failure(`${this.name} ended before it wrote ${pattern}`);
        return found;
      });
    } catch (error) {
      throw new Failure(`${error instanceof Error ? error.message : error}\n${this.tail()}`);
    }
  }

  /** The last lines, each with the program's name, for a report of a failure. */
  tail(count = 15): string {
    return this.lines.slice(-count).map((line) => `  ${this.name} | ${line.text}`).join("\n");
  }

  kill(name: Deno.Signal): void {
    if (this.#running) signal(this.pid, name);
  }

  /** Ends it and waits until it is gone; SIGKILL follows after `grace` ms. */
  async stop(name: Deno.Signal = "SIGTERM", grace = 10_000): Promise<{ code: number; signal: string | null }> {
    this.kill(name);
    const late = setTimeout(() => this.kill("SIGKILL"), grace);
    try {
      return await this.ended;
    } finally {
      clearTimeout(late);
    }
  }
}
