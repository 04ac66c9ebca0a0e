/**
 * Whether the far end of a path still answers, and so wants what is sent to it: consent freshness (RFC 7675).
 *
 * Silence alone says nothing, because WireGuard answers data that goes one way only every ten seconds. STUN is answered at once, so
 * it is asked: now and then, more often while somebody sends data, and in quick succession after an answer that did not come in
 * time. So many in a row without one, and the path counts as lost. It is asked on for a while, because a path that was only
 * interrupted is found again sooner than a new one.
 *
 * A machine that is itself too busy to look in time learns nothing from that: an answer may wait unread.
 */

/** Times in ms. */
export interface ConsentTiming {
  /** Between checks that are answered; each wait is taken from 0.8 to 1.2 of it (RFC 7675 section 5.1). */
  everyMs: number;
  /** The same while somebody sends data. */
  busyMs: number;
  /** Between checks that are not answered, and the same while somebody sends data. */
  retryMs: number;
  busyRetryMs: number;
  /** So many in a row without an answer, and the path is lost. */
  misses: number;
  /** Without an answer, or other evidence, for so long it is lost in any case, and not asked any longer. */
  expiryMs: number;
}

/** Other evidence than an answer counts for so long after the last one, ms (RFC 7675 section 5.1). */
const CONSENT = 30_000;

/** The shortest wait, as a part of the usual one (RFC 7675 section 5.1). */
const SOONEST = 0.8;
/** An answer is given at least this long before the next check, and twice its usual time. */
const PATIENCE = 200;
/** A look that comes later than this after its time says more about this machine than about the path. */
const LATE = 250;
/** Between checks of a path that is lost, in ms. */
const LOST_EVERY = 500;
/** So many more without an answer each time, and whoever has other evidence is asked for it. */
const DOUBT_EVERY = 3;

/** What is to be done now: send a check, take the path for lost (told once), or give it up. */
export type ConsentStep = "check" | "lost" | "gone";

export class Consent {
  #timing: ConsentTiming;
  readonly #random: () => number;
  #busy = false;
  #lost = false;
  #goodAt: number;
  #answeredAt: number;
  #sentAt: number;
  #unanswered = 0;
  #due: number;

  /** `random` gives numbers from 0 up to 1. */
  constructor(o: { timing: ConsentTiming; random: () => number; now: number }) {
    this.#timing = o.timing;
    this.#random = o.random;
    this.#goodAt = this.#answeredAt = this.#sentAt = o.now;
    this.#due = o.now + this.#wait();
  }

  /** Told once by `step`, and over with the next answer. */
  get lost(): boolean {
    return this.#lost;
  }

  get #every(): number {
    return this.#busy ? this.#timing.busyMs : this.#timing.everyMs;
  }

  #wait(): number {
    return this.#every * (SOONEST + 0.4 * this.#random());
  }

  get #expiresAt(): number {
    return this.#goodAt + this.#timing.expiryMs;
  }

  /** When `step` has something to say. */
  get due(): number {
    return Math.min(this.#due, this.#expiresAt);
  }

  step(now: number): ConsentStep | null {
    if (now >= this.#expiresAt) return "gone";
    if (now < this.#due) return null;
    if (this.#lost || this.#unanswered < this.#timing.misses || now - this.#due > LATE) return "check";
    this.#lost = true;
    this.#due = now + LOST_EVERY;
    return "lost";
  }

  /** A check goes out. @returns true when the path is in doubt: evidence that it works is welcome (`hint`) */
  sent(now: number, rttMs: number): boolean {
    const { misses, retryMs, busyRetryMs } = this.#timing;
    this.#sentAt = now;
    this.#unanswered++;
    const patience = Math.max(PATIENCE, 2 * rttMs);
    const between = this.#busy ? busyRetryMs : retryMs;
    if (this.#lost) this.#due = now + LOST_EVERY;
    else this.#due = now + (this.#unanswered === 1 || this.#unanswered >= misses ? patience : between);
    return !this.#lost && this.#unanswered % DOUBT_EVERY === 0;
  }

  /** @returns true when the path had been lost and is there again */
  answered(now: number): boolean {
    const back = this.#lost;
    this.#goodAt = this.#answeredAt = now;
    this.#unanswered = 0;
    this.#lost = false;
    this.#due = Math.max(now, this.#sentAt + this.#wait());
    return back;
  }

  /** Something else has shown that the peer is there; not for a path that is lost, because data may come by another one. */
  hint(now: number): void {
    if (this.#lost || now - this.#answeredAt >= CONSENT) return;
    this.#goodAt = now;
    if (this.#unanswered === 0) return;
    this.#unanswered = 0;
    this.#due = now + this.#wait();
  }

  /** Other times from now on. */
  use(timing: ConsentTiming): void {
    this.#timing = timing;
  }

  /** Whether somebody sends data over the path. */
  busy(busy: boolean, now: number): void {
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (!busy || this.#lost) return;
    this.#due = Math.min(this.#due, now + (this.#unanswered > 0 ? this.#timing.busyRetryMs : this.#wait()));
  }

  /** The peer has just asked us: both then ask at about the same time, and are woken half as often by each other. */
  asked(now: number): void {
    if (now - this.#sentAt >= this.#every * SOONEST) this.#due = Math.min(this.#due, now);
  }

  /** Ask now: there is a reason to doubt it. */
  hurry(now: number): void {
    if (this.#unanswered === 0) this.#due = Math.min(this.#due, now);
  }
}
