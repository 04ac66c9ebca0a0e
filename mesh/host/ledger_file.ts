/**
 * A ledger on disk: one entry (JWS) a line, append-only. An entry counts as kept when its line is complete and flushed; a
 * last line that a crash cut short is not read, and is taken away by the next append. What is read is verified by whoever
 * opens it. Reading writes nothing, because another part of the process may be appending.
 */
import { writeSecret } from "./state_dir.ts";

const NEWLINE = 10;

export class LedgerFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** All complete entries; none when there is no file. */
  async read(): Promise<string[]> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    return text.split("\n").slice(0, -1).filter((line) => line !== "");
  }

  /** Writes the whole file anew, atomically. */
  async replace(entries: readonly string[]): Promise<void> {
    await writeSecret(this.path, entries.map((entry) => `${entry}\n`).join(""));
  }

  /** Adds entries and waits until they are on the disk: all of them or, when that fails, none. One call at a time. */
  async append(entries: readonly string[]): Promise<void> {
    if (entries.length === 0) return;
    using file = await Deno.open(this.path, { read: true, write: true, create: true, mode: 0o600 });
    const end = await this.#end(file);
    await file.truncate(end);
    await file.seek(end, Deno.SeekMode.Start);
    const bytes = new TextEncoder().encode(entries.map((entry) => `${entry}\n`).join(""));
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    } catch (error) {
      await file.truncate(end); // the disk is full: else a second try would find the first ones there already
      throw error;
    }
  }

  /** Where the last complete line ends. */
  async #end(file: Deno.FsFile): Promise<number> {
    const { size } = await file.stat();
    if (size === 0) return 0;
    await file.seek(size - 1, Deno.SeekMode.Start);
    const last = new Uint8Array(1);
    await file.read(last);
    if (last[0] === NEWLINE) return size;
    return (await Deno.readFile(this.path)).lastIndexOf(NEWLINE) + 1;
  }
}
