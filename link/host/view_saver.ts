/** Keeps the state folder in step with the network view: ledger entries at once, records a moment later and all together. */
import type { Log } from "../../mesh/host/log.ts";
import { LedgerKeeper } from "../../mesh/trust/kept_ledger.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { NetworkView } from "./network_view.ts";
import type { NodeState } from "./state.ts";

const RECORDS_AFTER = 500;

/** Writes what changed in a view. */
export class ViewSaver {
  readonly #o: { state: NodeState; view: NetworkView; log: Log };
  readonly #keeper: LedgerKeeper;
  #ledger: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The view's ledger must be what the folder holds. */
  constructor(o: { state: NodeState; view: NetworkView; log: Log }) {
    this.#o = o;
    this.#keeper = new LedgerKeeper(o.state.ledger, o.view.ledger);
  }

  /**
   * New ledger entries: a head that was seen must survive a crash, or it could be rolled back. What could not be written goes
   * first the next time, because a file with a gap is worth nothing.
   */
  ledger(): void {
    this.#ledger = this.#ledger.then(() => this.#keeper.save()).catch((error) =>
      this.#o.log.error("The ledger could not be saved; it is tried again", { why: errorLine(error) })
    );
  }

  /** Changed records. */
  records(): void {
    this.#timer ??= setTimeout(() => void this.#records(), RECORDS_AFTER);
  }

  async #records(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { state, view, log } = this.#o;
    await state.saveRecords({
      nodes: [...[...view.nodes.values()].map((n) => n.verified.jws), ...view.saved.untimely.nodes],
      gates: [...[...view.gates.values()].map((g) => g.jws), ...view.saved.untimely.gates],
      marks: view.marks.save(Math.floor(Date.now() / 1000)),
    }).catch((error) => log.error("Records could not be saved", { why: errorLine(error) }));
  }

  /** Writes what still waits. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.#records();
    this.ledger();
    await this.#ledger;
  }
}
