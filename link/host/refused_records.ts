/** Records of nodes that are not admitted now but may be later: by another policy, or by a key yet to come. */
import { readNodeRecord } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** A node whose record is in order but which is not admitted; `why` is for people. */
export interface RefusedNode {
  id: string;
  name: string;
  jws: string;
  seq: number;
  why: string;
  code: "not_admitted" | "unknown_key";
}

/** Refused records are kept for later up to this number: making one up costs nothing. */
const MAX_REFUSED = 256;

/** Those that are kept, the newest of each node. */
export class RefusedRecords {
  readonly #kept = new Map<string, RefusedNode>();

  /** Keeps a record if `error` says that it may count later. */
  async keep(jws: string, error: unknown): Promise<void> {
    if (!(error instanceof GhostError) || (error.code !== "not_admitted" && error.code !== "unknown_key")) return;
    if (this.#kept.size >= MAX_REFUSED) return;
    const { id, record } = await readNodeRecord(jws);
    const before = this.#kept.get(id);
    if (before && before.seq > record.seq) return;
    this.#kept.set(id, { id, jws, name: record.name, seq: record.seq, why: error.line, code: error.code });
  }

  /** Gives each, and keeps it no longer before the next is asked for. */
  *takeAll(): Generator<RefusedNode> {
    for (const refused of this.all) {
      this.#kept.delete(refused.id);
      yield refused;
    }
  }

  forget(id: string): void {
    this.#kept.delete(id);
  }

  get all(): readonly RefusedNode[] {
    return [...this.#kept.values()];
  }
}
