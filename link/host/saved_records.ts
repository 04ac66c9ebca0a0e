/** Records that an earlier process kept, on their way back into the view; those that the clock alone refuses are kept on. */
import { GhostError } from "../../mesh/wire/errors.ts";

/** Records as they are saved. */
export interface Saved {
  readonly nodes: readonly string[];
  readonly gates: readonly string[];
}

/** Who takes them. */
export interface Taker {
  node(jws: string): Promise<unknown>;
  gate(jws: string): Promise<unknown>;
  /** Runs what takes them: nobody among them is new. */
  restoring(load: () => Promise<void>): Promise<void>;
}

/** The saved records. */
export class SavedRecords {
  readonly #taker: Taker;
  /** Those that do not hold by this clock; it may be the clock that is wrong. */
  #untimely: Saved = { nodes: [], gates: [] };

  constructor(taker: Taker) {
    this.#taker = taker;
  }

  /** They are to be saved again until the coordinator has told who is there now. */
  get untimely(): Saved {
    return this.#untimely;
  }

  get #count(): number {
    return this.#untimely.nodes.length + this.#untimely.gates.length;
  }

  /** Has each taken; `rejected` hears of those that were not. */
  load(saved: Saved, rejected: (error: unknown) => void): Promise<void> {
    return this.#taker.restoring(() => this.#load(saved, rejected));
  }

  /** Tries those again that did not hold by this clock, for it may have been set; true when some hold now. */
  async retry(): Promise<boolean> {
    const before = this.#count;
    if (before === 0) return false;
    await this.load(this.#untimely, () => {});
    return this.#count < before;
  }

  async #load(saved: Saved, rejected: (error: unknown) => void): Promise<void> {
    const later: { nodes: string[]; gates: string[] } = { nodes: [], gates: [] };
    for (const kind of ["node", "gate"] as const) {
      for (const jws of saved[`${kind}s`]) {
        await this.#taker[kind](jws).catch((error) => {
          if (isUntimely(error)) later[`${kind}s`].push(jws);
          rejected(error);
        });
      }
    }
    this.#untimely = later;
  }

  /** The coordinator has told of everybody: what is saved besides is of no more use. */
  forget(): void {
    this.#untimely = { nodes: [], gates: [] };
  }
}

/** Whether a record was refused for the time alone, its own or that of its admission. */
function isUntimely(error: unknown): boolean {
  if (!(error instanceof GhostError)) return false;
  return error.code === "clock_skew" || error.code === "not_admitted" ||
    (error.code === "bad_record" && error.place === "record.exp");
}
