/** The gates that this node knows: each by the newest record of it that holds. */
import { type RecordContext, type VerifiedGate, verifyGateRecord } from "../../mesh/trust/record.ts";
import type { Marks } from "./marks.ts";

/** All of them, by id. */
export class KnownGates {
  readonly #marks: Marks;
  readonly #all = new Map<string, VerifiedGate>();

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  get all(): ReadonlyMap<string, VerifiedGate> {
    return this.#all;
  }

  /** Takes a gate if its record is newer than all that were seen; true when it was. */
  take(gate: VerifiedGate): boolean {
    const known = this.#all.get(gate.id)?.record.seq ?? null;
    if (!this.#marks.take(gate.id, gate.record, known)) return false;
    this.#all.set(gate.id, gate);
    return true;
  }

  /** Checks each again and drops those that hold no more, for the ledger is another one. */
  async recheck(context: () => RecordContext): Promise<void> {
    for (const gate of [...this.#all.values()]) {
      const again = await verifyGateRecord(gate.jws, context()).catch(() => null);
      if (!this.#all.has(gate.id)) continue; // forgotten meanwhile
      if (again) this.#all.set(gate.id, again);
      else this.#all.delete(gate.id);
    }
  }

  /** True when it was known. */
  forget(id: string): boolean {
    return this.#all.delete(id);
  }
}
