/**
 * Whose time is over by the clock: a node whose record or membership has ended is no peer. It stays known, so that it is one again
 * when a wrong clock is set right.
 */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { KnownNode } from "./known_node.ts";

/** As it was when the clock was last looked at. */
export class Lifetimes {
  readonly #o: { ledger: Ledger; now: () => number };
  #over: ReadonlySet<string> = new Set();

  /** @param o.now seconds since 1970 */
  constructor(o: { ledger: Ledger; now: () => number }) {
    this.#o = o;
  }

  /** Whether this node's time is over. */
  over(id: string): boolean {
    return this.#over.has(id);
  }

  /** Looks at the clock and these nodes; true when it is over for others than before. */
  look(nodes: Iterable<KnownNode>): boolean {
    const now = this.#o.now();
    const before = this.#over;
    const ended = [...nodes].filter(({ id, verified }) =>
      verified.record.exp <= now || now > (this.#o.ledger.nodeSettings(id)?.expires ?? Infinity)
    );
    this.#over = new Set(ended.map((n) => n.id));
    return this.#over.size !== before.size || ended.some((n) => !before.has(n.id));
  }
}
