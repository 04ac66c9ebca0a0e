/**
 * `[link] on_change`: a program of root's that is told each filter that comes into force, as JSON on its standard input:
 *
 *     {"version": 1, "state": "up", "interface": "ghost0", "entry": 5, "filter": {"peers": [...], "inbound": [...], ...}}
 *
 * `filter` is mesh/policy's `Filter`, which holds addresses, ports and line numbers, and nothing secret; `state` is "down" when
 * the tunnel ends. The filter is in force before the program starts and stays so whatever comes of it; when several come while one
 * runs, it is told the last one. After a failure it is told again by the next audit.
 *
 * It runs with the daemon's rights, so it has to be root's: the permission set names its path (fixed when the launcher is
 * installed), and before each run neither the file nor its folder may be anybody else's or be writable by others. The folders
 * above are looked at when it is installed: to look at one at run time, the daemon would have to be let read all that is in it.
 */
import type { Runner } from "../../../mesh/host/runner.ts";
import { CLOSED, type Filter } from "../../../mesh/policy/mod.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import { Coalesced } from "../coalesced.ts";

/** How long it may take, in ms. */
const LIMIT = 10_000;
/** After a failure it is not told the same sooner than this, in ms: a machine may be brought in line often, and is audited every 10 s. */
const AGAIN = 5000;
/** Folders of the programs that a script calls. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the hook is made from. */
export interface OnChangeOptions {
  path: string;
  iface: string;
  runner: Runner;
  now: () => number;
}

/** See the head of this file. */
export class OnChange {
  readonly #o: OnChangeOptions;
  #text = "";
  #told = "";
  #failed = { text: "", at: 0 };
  #fault: string | null = null;
  readonly #runs = new Coalesced(() => this.#run());

  private constructor(o: OnChangeOptions) {
    this.#o = o;
  }

  /** @throws GhostError `bad_config` for a path that the permission set does not name */
  static async open(o: OnChangeOptions): Promise<OnChange> {
    const { state } = await Deno.permissions.query({ name: "run", command: o.path });
    if (state === "granted") return new OnChange(o);
    throw new GhostError("bad_config", `ghostlink may not run ${o.path}`, {
      place: "link.on_change",
      mend: "put it at /etc/ghostlink/on_change, or install with: deno task install --on-change PATH",
    });
  }

  /** Why the last run failed, or null. */
  get fault(): string | null {
    return this.#fault;
  }

  /** A filter is in force; resolves when the program has been told so, or has failed. */
  tell(filter: Filter, entry: number | null): Promise<void> {
    return this.#say("up", filter, entry);
  }

  /** The tunnel is gone; resolves when the program has been told so. */
  async close(): Promise<void> {
    await this.#say("down", CLOSED, null);
    await this.#runs.stop();
  }

  #say(state: "up" | "down", filter: Filter, entry: number | null): Promise<void> {
    this.#text = JSON.stringify({ version: 1, state, interface: this.#o.iface, entry, filter });
    const { text, at } = this.#failed;
    const since = this.#o.now() - at; // negative: the clock was set
    if (this.#text === this.#told || (this.#text === text && since >= 0 && since < AGAIN)) return Promise.resolve();
    return this.#runs.request();
  }

  async #run(): Promise<void> {
    const text = this.#text;
    if (text === this.#told) return;
    this.#told = text;
    try {
      await this.#check();
      await this.#start(text);
      this.#fault = null;
    } catch (error) {
      this.#fault = errorLine(error);
      this.#told = "";
      this.#failed = { text, at: this.#o.now() };
    }
  }

  /** @throws GhostError `forbidden` for what others could have put there */
  async #check(): Promise<void> {
    const { path } = this.#o;
    const folder = path.slice(0, path.lastIndexOf("/")) || "/";
    for (const place of [folder, path]) {
      const { uid, mode, isSymlink, isFile } = await Deno.lstat(place);
      const mend = `let it be root's and nobody else's to write: chown root ${place} && chmod 755 ${place}`;
      if (isSymlink || (place === path && !isFile)) {
        throw new GhostError("forbidden", "Not a plain file or folder", {
          place,
          mend: "put the program itself there",
        });
      }
      if (uid !== 0) throw new GhostError("forbidden", "Not root's, so it is not run", { place, mend });
      if (((mode ?? 0) & 0o022) !== 0) {
        throw new GhostError("forbidden", "Others may write to it, so it is not run", { place, mend });
      }
    }
  }

  async #start(text: string): Promise<void> {
    const { path, runner } = this.#o;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // What it has started may hold its output open after it was ended.
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new GhostError("timeout", `No end after ${LIMIT / 1000} s`, { place: path })),
        LIMIT + 500,
      );
    });
    try {
      const run = runner.run(path, [], { stdin: text, env: { PATH }, timeout: LIMIT });
      run.catch(() => {}); // after the race nobody listens
      const { code, stderr } = await Promise.race([run, late]);
      if (code === 0) return;
      const said = stderr.trim().split("\n")[0]!.slice(0, 200);
      throw new GhostError("internal", `It ended with code ${code}${said === "" ? "" : `: ${said}`}`, { place: path });
    } finally {
      clearTimeout(timer);
    }
  }
}
