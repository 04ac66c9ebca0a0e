/**
 * Whether a gate still answers while somebody wants something of it: after a short silence it is asked again and again, and
 * after so many questions without a word it counts as silent, less than two seconds after its last sign of life, and sooner when
 * somebody else has found it dead as well. QUIC's own idle time is much longer, and serves sessions that nobody uses: their
 * gate may have been started anew meanwhile and know nothing of them, so one that does not answer when it is wanted is soon stale.
 *
 * A machine that is itself too busy to look in time learns nothing from that: a look that comes late counts no miss.
 */

/** Silence before the first question and between questions, ms. */
const EVERY = 300;
/** Unanswered questions. */
const MISSES = 5;
/** So many, and there is reason to ask others; and so many are enough where these have the same to tell. */
const DOUBTS = 1;
const ACCUSED = 2;
/** A radio or an uplink that has to wake up first answers within this, ms. */
const WAKING = 600;
/** A look that comes later than this after its time says more about this machine than about the gate, ms. */
const LATE = 250;

export class Liveness {
  #active = false;
  #due = Infinity;
  #misses = 0;
  #heardAt: number;
  #wantedAt = Infinity;
  #silent = false;

  constructor(now: number) {
    this.#heardAt = now;
  }

  /** No word for too long while one was wanted. Over with the next word. */
  get silent(): boolean {
    return this.#silent;
  }

  /** Questions go unanswered, which may be chance. */
  get doubted(): boolean {
    return this.#misses > DOUBTS;
  }

  /** Not a word since it is wanted, though a question had time to be answered. @param rttMs its round trip; null says nothing */
  stale(rttMs: number | null): boolean {
    if (rttMs === null || this.#heardAt >= this.#wantedAt) return false;
    return (this.#misses - 1) * EVERY >= Math.max(WAKING, 2 * rttMs);
  }

  /** Somebody who has reached others through this gate reaches nobody any more. */
  accuse(): void {
    if (this.#misses > ACCUSED) this.#silent = true;
  }

  /** Anything came from the gate, at this time; said again it says nothing. */
  heard(now: number): void {
    if (now <= this.#heardAt) return;
    this.#heardAt = now;
    this.#misses = 0;
    this.#silent = false;
    if (this.#active) this.#due = now + EVERY;
  }

  /** Whether somebody wants something of it now. */
  want(active: boolean, now: number): void {
    if (active === this.#active) return;
    this.#active = active;
    this.#wantedAt = active ? now : Infinity;
    this.#misses = 0;
    this.#due = active ? Math.max(now, Math.min(this.#heardAt + EVERY, now + EVERY)) : Infinity;
  }

  /** Looks; true when the gate is to be asked now. */
  tick(now: number): boolean {
    if (now < this.#due) return false;
    const late = now - this.#due > LATE;
    this.#due = now + EVERY;
    // The first question of a silence is no miss yet, and one whose answer may wait unread here is none either.
    if (late) this.#misses = Math.min(this.#misses, DOUBTS);
    else if (++this.#misses > MISSES) this.#silent = true;
    return true;
  }

  /** When `tick` is due, ms; null while nobody wants anything. */
  nextDeadline(): number | null {
    return Number.isFinite(this.#due) ? this.#due : null;
  }
}
