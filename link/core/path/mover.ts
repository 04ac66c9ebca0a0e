/**
 * What the two ends tell each other about their rungs: `moved` with a growing serial, repeated until it is acknowledged, and
 * when both are on the same rung and late packets have drained, so that the old one may go.
 */
import type { Rung } from "../../../mesh/wire/local.ts";
import type { PathAction } from "./event.ts";

/** Waits behind each `moved`; then the peer is left to find out by its packets. */
const REPEATS = [300, 600, 1_200, 2_400, 4_800];
/** How long late packets may be on their way over the old rung. */
const DRAIN = 2_000;

export class Mover {
  #rung: Rung = "none";
  #old: Rung | null = null;
  #serial = 0;
  #acked = true;
  #sends = 0;
  #due = Infinity;
  #drainedAt = Infinity;
  #peerRung: string | null = null;
  #peerSerial = -1;

  get peerRung(): string | null {
    return this.#peerRung;
  }

  /** This end sends on another rung, or on the same one with another address, from now on. */
  moved(rung: Rung, now: number): void {
    if (rung !== this.#rung) this.#old = this.#rung === "none" ? null : this.#rung;
    this.#rung = rung;
    this.#serial = Math.max(now, this.#serial + 1);
    this.#acked = false;
    this.#sends = 0;
    this.#due = rung === "none" ? Infinity : now;
    this.#drainedAt = Infinity;
  }

  /** The peer's word; false when it is old. */
  peerMoved(rung: string, serial: number, now: number): boolean {
    if (serial <= this.#peerSerial) return false;
    this.#peerSerial = serial;
    this.#peerRung = rung;
    this.#confirm(now);
    return true;
  }

  /** The serial of the peer's newest word. */
  get peerSerial(): number {
    return this.#peerSerial;
  }

  peerAcked(serial: number, now: number): void {
    if (serial !== this.#serial || this.#acked) return;
    this.#acked = true;
    this.#due = Infinity;
    this.#confirm(now);
  }

  #confirm(now: number): void {
    if (this.#acked && this.#peerRung === this.#rung && this.#drainedAt === Infinity) this.#drainedAt = now + DRAIN;
  }

  /** What is to be said now; nothing while there is no way to say it. */
  tick(now: number, canSignal: boolean): PathAction[] {
    if (!canSignal || this.#due > now) return [];
    const wait = REPEATS[this.#sends++];
    this.#due = wait === undefined ? Infinity : now + wait;
    return wait === undefined ? [] : [{ kind: "sendMoved", rung: this.#rung, serial: this.#serial }];
  }

  /** The rung that has just drained. `undefined` while it has not, null when there was none to leave. */
  drained(now: number): Rung | null | undefined {
    if (this.#drainedAt > now || this.#drainedAt === -Infinity) return undefined;
    const old = this.#old;
    this.#old = null;
    this.#drainedAt = -Infinity;
    return old;
  }

  nextDeadline(canSignal: boolean): number {
    const drained = this.#drainedAt === -Infinity ? Infinity : this.#drainedAt;
    return Math.min(canSignal ? this.#due : Infinity, drained);
  }
}
