/** A lane as one end checks it: until the first answer comes, and then whether answers go on coming (core/ice/consent.ts). */
import { Consent, type ConsentTiming } from "../ice/consent.ts";
import type { StunCrypto, TransportAddress } from "../../../mesh/wire/stun/mod.ts";

/** Waits behind the first checks. One crosses four legs: where each loses a fifth, three of five fail, so the last wait, which stays, is short. */
const WAITS = [50, 100, 100, 200, 400, 500];
/** Checks whose answers are waited for. */
const MAX_SENT = 24;
/** Of a lane in use. While its gate does not answer either, fewer misses are enough. */
const LANE: ConsentTiming = {
  everyMs: 2_500,
  busyMs: 1_000,
  retryMs: 200,
  busyRetryMs: 100,
  misses: 14,
  expiryMs: 5_000,
};
const DOUBTED: ConsentTiming = { ...LANE, retryMs: 80, busyRetryMs: 80, misses: 8 };

export class LaneCheck {
  readonly remote: TransportAddress;
  readonly #crypto: StunCrypto;
  readonly #sent = new Map<string, number>();
  #tries = 0;
  #due: number;
  #consent: Consent | null = null;
  #rttMs = 0;
  #doubted = false;

  constructor(o: { remote: TransportAddress; crypto: StunCrypto; now: number }) {
    this.remote = o.remote;
    this.#crypto = o.crypto;
    this.#due = o.now;
  }

  /** True from the first answer on. */
  get up(): boolean {
    return this.#consent !== null;
  }

  /** The check that went out last is one of several that were not answered. */
  get doubted(): boolean {
    return this.#doubted;
  }

  get due(): number {
    return this.#consent?.due ?? this.#due;
  }

  /** The next check goes at once: what kept the answers away may be over. */
  again(now: number): void {
    if (!this.up) this.#due = now;
  }

  /** As `again`, also for a lane that is up, and those after it come quickly, too. */
  anew(now: number): void {
    this.#tries = 0;
    this.again(now);
    this.#consent?.hurry(now);
  }

  /** There is nothing to check with yet. */
  wait(): void {
    this.#due = Infinity;
  }

  /** What is due: a check with this transaction id; "lost": a lane that was up is so no longer; null: nothing. */
  step(now: number): Uint8Array | "lost" | null {
    if (this.#consent === null) {
      if (now < this.#due) return null;
      this.#due = now + WAITS[Math.min(this.#tries++, WAITS.length - 1)]!;
      return this.#transaction(now);
    }
    const step = this.#consent.step(now);
    if (step !== "check") return step && "lost";
    this.#doubted = this.#consent.sent(now, this.#rttMs);
    return this.#transaction(now);
  }

  #transaction(now: number): Uint8Array {
    const transaction = this.#crypto.random(12);
    if (this.#sent.size >= MAX_SENT) this.#sent.delete(this.#sent.keys().next().value!);
    this.#sent.set(transaction.toString(), now);
    return transaction;
  }

  /** @returns the round trip in ms of the first answer of all; null otherwise */
  answered(transaction: Uint8Array, o: { busy: boolean; now: number }): number | null {
    const at = this.#sent.get(transaction.toString());
    if (at === undefined) return null;
    this.#sent.clear();
    this.#rttMs = o.now - at;
    if (this.#consent) {
      this.#consent.answered(o.now);
      return null;
    }
    const random = () => this.#crypto.random(1)[0]! / 256;
    this.#consent = new Consent({ timing: LANE, random, now: o.now });
    this.#consent.busy(o.busy, o.now);
    return this.#rttMs;
  }

  /** Somebody sends data over the lane, or no longer. */
  busy(busy: boolean, now: number): void {
    this.#consent?.busy(busy, now);
  }

  /** The gate itself does not answer (or does so again, `on` false): ask at once, and believe a shorter silence. */
  doubt(on: boolean, now: number): void {
    this.#consent?.use(on ? DOUBTED : LANE);
    if (on) this.#consent?.hurry(now);
  }
}
