/** Consent freshness, RFC 7675: does the peer still want what is sent to it? */
import type { IceTiming } from "./timing.ts";

export class Consent {
  readonly #timing: IceTiming;
  readonly #random: () => number;
  #sentAt: number;
  #goodAt: number;
  /** When the next check is due. */
  due: number;

  /** `random` gives numbers from 0 up to 1. */
  constructor(o: { timing: IceTiming; random: () => number; now: number }) {
    this.#timing = o.timing;
    this.#random = o.random;
    this.#sentAt = o.now;
    this.#goodAt = o.now;
    this.due = o.now + this.#wait();
  }

  #wait(): number {
    return this.#timing.consentMs * (0.8 + 0.4 * this.#random());
  }

  /** A check goes out; unless it is answered the next follows soon. */
  sent(now: number, rttMs: number): void {
    this.#sentAt = now;
    this.due = now + Math.max(this.#timing.consentRetryMs, 2 * rttMs);
  }

  answered(now: number): void {
    this.#goodAt = now;
    this.due = Math.max(now, this.#sentAt + this.#wait());
  }

  /** Something else has shown that the peer is there. */
  hint(now: number): void {
    this.#goodAt = now;
  }

  get expiresAt(): number {
    return this.#goodAt + this.#timing.consentExpiryMs;
  }
}
