/** What follows a move of a peer's path once the machine is in line with it: word to the peer, and the release of what was left. */
import type { Rung } from "../../mesh/wire/local.ts";

/** What the moves need of their peer. */
export interface MovesHost {
  /** Asks for the machine to be brought in line; resolves when it is, also after runs that failed. */
  changed(): Promise<void>;
  /** The rung in use now. */
  inUse(): Rung;
  /** Tells the peer that this end sends on this rung. */
  tell(rung: Rung, serial: number): void;
  /** What this rung holds may go. */
  release(rung: Rung): void;
}

/** See the head of this file. */
export class Moves {
  readonly #host: MovesHost;
  /** Resolves when the machine is in line with the newest change. */
  #settled: Promise<void> = Promise.resolve();
  /** Serial of the word that waits for that. */
  #untold: number | null = null;

  constructor(host: MovesHost) {
    this.#host = host;
  }

  /** The machine is to be changed. */
  changed(): void {
    this.#settled = this.#host.changed();
  }

  /** Only when it is true: after WireGuard sends on the new rung. A run that failed keeps it back, and its repetitions. */
  tell(rung: Rung, serial: number): void {
    if (this.#untold === serial) return;
    this.#untold = serial;
    void this.#settled.then(() => {
      if (this.#untold !== serial) return; // moved on meanwhile
      this.#untold = null;
      if (rung === this.#host.inUse()) this.#host.tell(rung, serial);
    });
  }

  /** Only when WireGuard has been set once more: what was late may have made it roam back. */
  release(rung: Rung): void {
    void this.#settled.then(() => rung !== this.#host.inUse() && this.#host.release(rung));
  }
}
