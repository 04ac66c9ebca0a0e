/**
 * The operator's acl_file: a draft, because the coordinator cannot sign. It is checked at the start and whenever it changes,
 * and compared with the policy in force, so that nobody takes a file that was edited for one that counts.
 */
import { basename, dirname, join } from "node:path";
import type { Log } from "../host/log.ts";
import { namedFiles, parsePolicy } from "../policy/mod.ts";
import type { Draft } from "../server/mod.ts";
import { utf8 } from "../wire/encoding.ts";
import { errorLine } from "../wire/errors.ts";
import { hashOf } from "../trust/keys.ts";

/** Milliseconds that a file has to be left alone before it is read: editors write in several steps. */
const SETTLE = 100;
/** As wire/api.ts bounds a draft. */
const MAX_DRAFT = 900_000;

export interface DraftOptions {
  file: string;
  log: Log;
  /** The source of the policy in force, null when there is none. */
  inForce: () => Promise<string | null>;
}

/** The files that a draft names; one that cannot be read is the parser's to tell, with its line. */
async function filesBeside(source: string, folder: string): Promise<Record<string, string>> {
  const found = await Promise.all(
    namedFiles(source).map(async (name): Promise<[string, string] | null> => {
      const text = await Deno.readTextFile(join(folder, name)).catch(() => null);
      return text === null ? null : [name, text];
    }),
  );
  return Object.fromEntries(found.filter((entry) => entry !== null));
}

/** Keeps an eye on one file. */
export class DraftFile {
  readonly #o: DraftOptions;
  #draft: Draft | null = null;
  #seen: string | null | undefined;

  constructor(options: DraftOptions) {
    this.#o = options;
  }

  /** The file's content when it was last found good, null when it is missing or has a fault. */
  get draft(): Draft | null {
    return this.#draft;
  }

  /** Reads and checks the file; tells what is new. */
  async check(): Promise<void> {
    const { file, log, inForce } = this.#o;
    let source: string | null = null;
    try {
      source = await Deno.readTextFile(file);
    } catch (error) {
      if (this.#seen === null) return;
      const missing = error instanceof Deno.errors.NotFound;
      const why = missing ? "acl_file does not exist" : "acl_file cannot be read";
      log.warn(why, { file, mend: "write one, or take acl_file out; the signed policy stays in force" });
    }
    if (source === this.#seen) return;
    this.#seen = source;
    this.#draft = null;
    if (source === null) return;
    try {
      if (utf8(source).length > MAX_DRAFT) throw new Error(`${file}: longer than ${MAX_DRAFT} bytes`);
      parsePolicy(source, { file, files: await filesBeside(source, dirname(file)) });
    } catch (error) {
      log.error(`acl_file has a fault: ${errorLine(error)}`);
      return;
    }
    this.#draft = { source, sha256: await hashOf(source) };
    const current = await inForce();
    if (current === null || current === source) return;
    log.warn(`acl_file differs from the policy in force; sign it with: ghostctl policy push ${file}`);
  }

  /** Checks the file now and at every change, until the signal is aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    const { file, log } = this.#o;
    let watcher: Deno.FsWatcher;
    try {
      watcher = Deno.watchFs(dirname(file), { recursive: false }); // the folder: editors replace the file
    } catch (error) {
      log.warn("acl_file is not watched: its folder cannot be read", { file, error });
      return await this.check();
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    let checking = this.check(); // after the watch began, so that no change falls in between
    const stop = () => watcher.close();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const { kind, paths } of watcher) {
        // Reading is an access, and would go round and round.
        if (kind === "access" || !paths.some((path) => basename(path) === basename(file))) continue;
        clearTimeout(timer);
        timer = setTimeout(() => {
          checking = checking.then(() => this.check()).catch((error) =>
            log.error("acl_file was not checked", { error })
          );
        }, SETTLE);
      }
    } finally {
      clearTimeout(timer);
      await checking;
      signal.removeEventListener("abort", stop);
    }
  }
}
