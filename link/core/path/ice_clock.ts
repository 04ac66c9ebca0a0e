/** When ICE is begun and begun again: at once when that may help, with growing waits while it does not. */
import { Hold } from "./hold.ts";

/** A hard pair of NATs stays hard: tried less and less often. */
const RETRY = { firstMs: 1_000, longestMs: 300_000, healthyMs: 60_000 };
/** An attempt without any result: its messages were lost, or the peer knows nothing of it. */
const TIMEOUT = 20_000;

export class IceClock {
  readonly #retry = new Hold(RETRY);
  #state: "idle" | "running" | "up" = "idle";
  #begun = false;
  #startedAt = 0;

  /** The peer has begun. */
  started(now: number): void {
    this.#begun = true;
    this.#state = "running";
    this.#startedAt = now;
  }

  succeeded(now: number): void {
    this.#state = "up";
    this.#retry.up(now);
  }

  failed(now: number): void {
    if (this.#state === "idle") return;
    this.#state = "idle";
    this.#retry.fail(now);
  }

  /** Circumstances have changed: the next attempt need not wait. */
  hurry(): void {
    this.#retry.lift();
  }

  /** All is new: begin again even if a pair works. */
  renew(): void {
    this.#retry.reset();
    this.#state = "idle";
  }

  /** The action that is due, which counts as done. */
  tick(now: number, canSignal: boolean): { kind: "startIce" } | { kind: "restartIce" } | null {
    if (this.#state === "running" && this.#startedAt + TIMEOUT <= now) this.failed(now);
    if (this.#state !== "idle" || !canSignal || this.#retry.holds(now)) return null;
    const kind = this.#begun ? "restartIce" : "startIce";
    this.started(now);
    return { kind };
  }

  nextDeadline(now: number, canSignal: boolean): number {
    if (this.#state === "running") return this.#startedAt + TIMEOUT;
    return this.#state === "idle" && canSignal ? Math.max(now, this.#retry.until) : Infinity;
  }
}
