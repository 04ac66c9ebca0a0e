/**
 * Live sessions by node id, in the two forms that ids have: text in control messages, 16 bytes in frames.
 * Frames are looked up by their first four id bytes and then compared whole, so that a packet costs no text and no
 * allocation; ids are hashes, so a bucket holds more than one session only when somebody has ground it so.
 */
import { nodeIdBytes } from "../../mesh/wire/gate_session.ts";

interface Row<T> {
  bytes: Uint8Array;
  value: T;
}

export class Directory<T> {
  #byText = new Map<string, T>();
  #byHash = new Map<number, Row<T>[]>();

  get size(): number {
    return this.#byText.size;
  }

  get(id: string): T | undefined {
    return this.#byText.get(id);
  }

  values(): IterableIterator<T> {
    return this.#byText.values();
  }

  /** The session that a frame's bytes 1 to 16 name. */
  ofFrame(frame: Uint8Array): T | undefined {
    const rows = this.#byHash.get(hash(frame, 1));
    if (!rows) return undefined;
    next: for (const row of rows) {
      for (let i = 4; i < 16; i++) if (row.bytes[i] !== frame[i + 1]) continue next;
      return row.value;
    }
    return undefined;
  }

  set(id: string, value: T): void {
    this.delete(id);
    const bytes = nodeIdBytes(id);
    this.#byText.set(id, value);
    const key = hash(bytes, 0);
    const rows = this.#byHash.get(key);
    if (rows) rows.push({ bytes, value });
    else this.#byHash.set(key, [{ bytes, value }]);
  }

  delete(id: string): void {
    const value = this.#byText.get(id);
    if (value === undefined) return;
    this.#byText.delete(id);
    const key = hash(nodeIdBytes(id), 0);
    const rows = this.#byHash.get(key)!.filter((row) => row.value !== value);
    if (rows.length === 0) this.#byHash.delete(key);
    else this.#byHash.set(key, rows);
  }
}

function hash(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}
