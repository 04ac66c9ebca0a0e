/** When ICE is begun and begun again: at once when that may help, with growing waits while it does not. */
import { Hold } from "./hold.ts";

/** A hard pair of NATs stays hard: tried less and less often. */
const RETRY = { firstMs: 1_000, longestMs: 300_000, healthyMs: 60_000 };
/** An attempt without any result: its messages were lost, or the peer knows nothing of it. */
const TIMEOUT = 20_000;
/** An offer that is not answered is made again after these: what carries it, or its answer, may just have ended. */
const ANSWER_WAITS = [1_000, 4_000];

export class IceClock {
  readonly #retry = new Hold(RETRY);
  #state: "idle" | "running" | "up" = "idle";
  #begun = false;
  #startedAt = 0;
  /** This end's offer, while it waits for the peer's answer. */
  #offer: { tries: number; due: number } | null = null;

  /** The peer has begun. */
  started(now: number): void {
    this.#offer = null;
    this.#begun = true;
    this.#state = "running";
    this.#startedAt = now;
  }

  /** The peer has answered this end's offer. */
  answered(): void {
    this.#offer = null;
  }

  succeeded(now: number): void {
    this.#offer = null;
    this.#state = "up";
    this.#retry.up(now);
  }

  failed(now: number): void {
    this.#offer = null;
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
    this.#offer = null;
    this.#state = "idle";
  }

  /** The action that is due, which counts as done. */
  tick(now: number, canSignal: boolean): { kind: "startIce" | "restartIce" | "offerAgain" } | null {
    if (this.#state === "running" && this.#startedAt + TIMEOUT <= now) this.failed(now);
    if (this.#offer && canSignal && this.#offer.due <= now) {
      this.#wait(this.#offer.tries + 1, now);
      return { kind: "offerAgain" };
    }
    if (this.#state !== "idle" || !canSignal || this.#retry.holds(now)) return null;
    const kind = this.#begun ? "restartIce" : "startIce";
    this.started(now);
    this.#wait(0, now);
    return { kind };
  }

  #wait(tries: number, now: number): void {
    const wait = ANSWER_WAITS[tries];
    this.#offer = wait === undefined ? null : { tries, due: now + wait };
  }

  nextDeadline(now: number, canSignal: boolean): number {
    if (this.#state === "running") {
      return Math.min(this.#startedAt + TIMEOUT, canSignal ? this.#offer?.due ?? Infinity : Infinity);
    }
    return this.#state === "idle" && canSignal ? Math.max(now, this.#retry.until) : Infinity;
  }
}
