/**
 * A ledger on disk: one entry (JWS) a line, append-only. An entry counts as kept when its line is complete and flushed; a
 * last line that a crash cut short is not read, and is taken away by the next append. What is read is verified by whoever
 * opens it. Reading writes nothing, because another part of the process may be appending.
 *
 * Beside `ledger.jsonl` lie `ledger.checked.json`, the head up to which it was verified (written after the entries, so it
 * never names one that is not there), and `ledger.fork.json`, entries of other branches.
 */
import { type LedgerEvidence, ledgerEvidence, type LedgerHead, ledgerHead } from "../wire/ledger.ts";
import { parse } from "../wire/schema.ts";
import { readJson, writeJson, writeSecret } from "./state_dir.ts";

const NEWLINE = 10;

export class LedgerFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  #beside(what: string): string {
    return this.path.replace(/(\.jsonl)?$/, `.${what}.json`);
  }

  /** The head up to which the entries were verified, null when none is known. */
  async checked(): Promise<LedgerHead | null> {
    const path = this.#beside("checked");
    const value = await readJson(path);
    return value === undefined ? null : parse(ledgerHead, value, path, "bad_config");
  }

  async saveChecked(head: LedgerHead): Promise<void> {
    await writeJson(this.#beside("checked"), head);
  }

  /** Entries of other branches, null when there are none. */
  async evidence(): Promise<LedgerEvidence | null> {
    const path = this.#beside("fork");
    const value = await readJson(path);
    return value === undefined || value === null ? null : parse(ledgerEvidence, value, path, "bad_config");
  }

  async saveEvidence(evidence: LedgerEvidence | null): Promise<void> {
    await writeJson(this.#beside("fork"), evidence);
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
