/** The easy side of a guess: paced probes at the hard side's address, one port after the other, until the cap. */
import { MAX_PROBES, PROBE_EVERY, PROBES_AT_ONCE } from "./limits.ts";
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

  /**
   * The ports to probe now. A late call catches up by a few at most: the pace is a promise to the networks between, and the hard
   * side does not wait for ever.
   */
  tick(now: number): number[] {
    const ports: number[] = [];
    this.#due = Math.max(this.#due, now - (PROBES_AT_ONCE - 1) * PROBE_EVERY);
    while (!this.over && this.#due <= now) {
      const next = this.#order.next();
      if (next.done) break;
      ports.push(next.value);
      this.#sent++;
      this.#due += PROBE_EVERY;
    }
    return ports;
  }

  /** All probes are out, and the last one had time to be answered. */
  get over(): boolean {
    return this.#sent >= MAX_PROBES;
  }

  nextDeadline(): number {
    return this.#due;
  }
}
