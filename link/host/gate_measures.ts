/** Measuring gates: one run at a time, and what a network before had under way says nothing here. */
import type { VerifiedGate } from "../../mesh/trust/record.ts";

/** What it needs of the gates. */
export interface GateMeasuresHost {
  /** A gate that may be used. */
  gate(id: string): VerifiedGate | undefined;
  /** Tells round trips in ms as they come; null: no answer. */
  measure(gates: VerifiedGate[], measured: (gate: string, rttMs: number | null) => void): Promise<void>;
  measured(gate: string, rttMs: number | null): void;
  /** Nothing is left to measure. */
  done(): void;
}

export class GateMeasures {
  readonly #host: GateMeasuresHost;
  /** Gates whose turn is to come. */
  readonly #waiting = new Set<string>();
  #busy = false;
  /** How often this machine has moved. */
  #networks = 0;
  #closed = false;

  constructor(host: GateMeasuresHost) {
    this.#host = host;
  }

  /** Measures these gates, after those that are being measured. */
  async ask(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#waiting.add(id);
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.size > 0 && !this.#closed) {
      const gates = [...this.#waiting].flatMap((id) => this.#host.gate(id) ?? []);
      this.#waiting.clear();
      const network = this.#networks;
      const measured = (gate: string, rttMs: number | null) => {
        if (network === this.#networks) this.#host.measured(gate, rttMs);
      };
      // One that cannot be carried out has measured nothing, and the next one comes.
      await this.#host.measure(gates, measured).catch(() => {});
    }
    this.#busy = false;
    this.#host.done();
  }

  /** This machine is on another network. */
  networkChanged(): void {
    this.#networks++;
  }

  close(): void {
    this.#closed = true;
  }
}
