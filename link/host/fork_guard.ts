/** While the ledger is forked, nobody comes in who was not in before: either branch may be a forger's. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** Who was in before a fork. */
export class ForkGuard {
  readonly #ledger: Ledger;
  /** Ids that were admitted at some time. */
  readonly #met: Set<string>;
  #restoring = false;

  constructor(ledger: Ledger, selfId: string) {
    this.#ledger = ledger;
    this.#met = new Set([selfId]);
  }

  /** @throws GhostError when this node or gate would be a new one, and the ledger is forked */
  check(id: string): void {
    const { fork } = this.#ledger;
    if (fork === null || this.#restoring || this.#met.has(id)) return;
    throw new GhostError("not_admitted", `The ledger has forked at entry ${fork.seq}, so nobody new is let in`, {
      place: "record",
      mend: "an admin has to resolve it: ghostctl ledger resolve",
    });
  }

  /** It was admitted. */
  met(id: string): void {
    this.#met.add(id);
  }

  /** Runs `load`, which takes what an earlier process kept: those were in. */
  async restoring(load: () => Promise<void>): Promise<void> {
    this.#restoring = true;
    try {
      await load();
    } finally {
      this.#restoring = false;
    }
  }
}
