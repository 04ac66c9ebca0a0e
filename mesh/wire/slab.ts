/**
 * Memory for many small byte arrays at the cost of one large one now and then: an array of its own costs a packet more than
 * everything else that is done with it, in making and in collecting. Pieces are never handed out twice, so whoever gets one
 * may keep it; one that is kept keeps its whole slab.
 */

/** Bytes of the first slab; each next one is twice as large up to SLAB, so that what is seldom used costs little. */
const FIRST = 2_048;
/**
 * Bytes of the largest slabs: nearly fifty full packets, and less than what the launcher has malloc take from the system and give back
 * each time (scripts/launch.sh), which costs a slab 40 us.
 */
export const SLAB = 61_440;

/** Cuts pieces off a slab, and takes a new slab when that is used up. */
export class Slab {
  #buffer = new Uint8Array(0);
  #at = 0;
  #next = FIRST;

  /** `size` bytes that nobody else has; `keep` says how many of them are used, the rest is given out again. */
  room(size: number): Uint8Array<ArrayBuffer> {
    if (this.#at + size > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(size, this.#next));
      this.#next = Math.min(SLAB, 2 * this.#next);
      this.#at = 0;
    }
    return this.#buffer.subarray(this.#at, this.#at + size);
  }

  /** The first `size` bytes of the last `room` are in use from now on. */
  keep(size: number): void {
    this.#at += size;
  }

  /** `size` bytes of one's own. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const piece = this.room(size);
    this.keep(size);
    return piece;
  }
}
