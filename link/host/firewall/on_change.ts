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
 * installed), and before each run neither the file nor any folder above it may be anybody else's or be writable by others: whoever
 * can rename one can put another in its place. Deno would have to let the daemon read all that is in a folder to tell whose it is,
 * so for those above the file's own the system's `stat` says it. The root folder is not looked at: its owner owns the machine.
 */
import { findTool, type Runner } from "../../../mesh/host/runner.ts";
import { CLOSED, type Filter } from "../../../mesh/policy/mod.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import { Coalesced } from "../coalesced.ts";
import { runTool } from "../tools.ts";

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

/** What lies at a path, links not followed. */
interface Place {
  uid: number;
  mode: number;
  is: "file" | "directory" | "other";
}

/** The folders that lead to a file, its own first, the root folder left out. */
function foldersAbove(path: string): string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, i) => `/${parts.slice(0, parts.length - i).join("/")}`);
}

/** @throws GhostError `forbidden` for what others could have put there */
function checkPlace(place: string, { uid, mode, is }: Place, kind: Place["is"]): void {
  const mend = `let it be root's and nobody else's to write: chown root ${place} && chmod 755 ${place}`;
  if (is !== kind) {
    throw new GhostError("forbidden", "Not a plain file or folder", { place, mend: "put the program itself there" });
  }
  if (uid !== 0) throw new GhostError("forbidden", "Not root's, so it is not run", { place, mend });
  if ((mode & 0o022) !== 0) {
    throw new GhostError("forbidden", "Others may write to it, so it is not run", { place, mend });
  }
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
    const [folder = "/", ...above] = foldersAbove(path);
    for (const place of above) checkPlace(place, await this.#stat(place), "directory");
    for (const [place, kind] of [[folder, "directory"], [path, "file"]] as const) {
      const { uid, mode, isSymlink, isFile, isDirectory } = await Deno.lstat(place);
      const is = isSymlink ? "other" : isFile ? "file" : isDirectory ? "directory" : "other";
      checkPlace(place, { uid: uid ?? -1, mode: mode ?? 0, is }, kind);
    }
  }

  async #stat(place: string): Promise<Place> {
    const stat = await findTool("stat", "apt-get install coreutils");
    const out = await runTool(this.#o.runner, [stat, "-c", "%u %a %F", "--", place]);
    const match = /^(\d+) ([0-7]+) (.+)$/.exec(out.trim());
    if (!match) throw new GhostError("internal", `Not understood: ${out.trim().slice(0, 80)}`, { place: "stat" });
    return {
      uid: Number(match[1]),
      mode: parseInt(match[2]!, 8),
      is: match[3] === "directory" ? "directory" : "other",
    };
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
