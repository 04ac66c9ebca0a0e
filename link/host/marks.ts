/**
 * The highest record number that was ever taken from each machine, kept after the machine is gone from the view. Without it
 * whoever delivers records could say that a peer is gone and then bring back one of its old records, which still holds: an
 * old WireGuard key would be trusted again.
 *
 * A mark is dropped when every record below it has expired. Only verified records leave one, so strangers cannot fill it.
 */

/** A machine's mark, as it is saved: number, and the latest end (seconds) of a record with that number or a lower one. */
export type SavedMark = [id: string, seq: number, exp: number];

/** All marks. */
export class Marks {
  readonly #marks = new Map<string, { seq: number; exp: number }>();

  /** Takes marks that an earlier process saved. */
  load(saved: readonly SavedMark[]): void {
    for (const [id, seq, exp] of saved) this.note(id, { seq, exp });
  }

  /** Whether a machine has never shown a higher number than this. */
  isNewest(id: string, seq: number): boolean {
    return seq >= (this.#marks.get(id)?.seq ?? 0);
  }

  /**
   * Whether a verified record is to be taken: it is newer than all that a machine has shown, or comes back after the machine was
   * forgotten. It is noted then.
   * @param known the number of the record that is in use now
   */
  take(id: string, record: { seq: number; exp: number }, known: number | null): boolean {
    if (!this.isNewest(id, record.seq) || known === record.seq) return false;
    this.note(id, record);
    return true;
  }

  /** Notes a record that was taken. */
  note(id: string, { seq, exp }: { seq: number; exp: number }): void {
    const before = this.#marks.get(id);
    this.#marks.set(id, { seq: Math.max(seq, before?.seq ?? 0), exp: Math.max(exp, before?.exp ?? 0) });
  }

  /** What is worth saving at `now` (seconds). */
  save(now: number): SavedMark[] {
    for (const [id, { exp }] of this.#marks) if (exp <= now) this.#marks.delete(id);
    return [...this.#marks].map(([id, { seq, exp }]) => [id, seq, exp]);
  }
}
