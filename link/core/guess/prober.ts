/** The easy side of a guess: paced probes at the hard side's address, one port after the other, until the cap. */
import { MAX_PROBES, PROBE_EVERY } from "./limits.ts";
import { type PortRow, probeOrder } from "./ports.ts";

export class Prober {
  /** The hard side's outer address. */
  readonly address: string;
  readonly #order: Generator<number>;
  #sent = 0;
  #due: number;

  /** Probes from `now` on. `random` gives numbers from 0 up to 1. */
  constructor(o: { address: string; predicted: PortRow | null; random: () => number; now: number }) {
    this.address = o.address;
    this.#order = probeOrder(o.random, o.predicted);
    this.#due = o.now;
  }

  /** Probes so far. */
  get sent(): number {
    return this.#sent;
  }

  /** The port to probe now, or null. A late call does not catch up: the pace is a promise to the networks between. */
  tick(now: number): number | null {
    if (this.over || now < this.#due) return null;
    const next = this.#order.next();
    if (next.done) return null;
    this.#sent++;
    this.#due = now + PROBE_EVERY;
    return next.value;
  }

  /** All probes are out, and the last one had time to be answered. */
  get over(): boolean {
    return this.#sent >= MAX_PROBES;
  }

  nextDeadline(): number {
    return this.#due;
  }
}
