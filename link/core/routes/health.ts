/**
 * Whether a router is there, from pings through the tunnel. One that has never answered counts as well: policy may not let
 * pings through, and then the path machine's word is all there is.
 */

/** Pings in a row without an answer, at two a second, before a router counts as gone: well under 3 s. */
const MISSES = 3;
/** Answers in a row before it counts as back: traffic does not follow a router that flaps. */
const ANSWERS = 6;

/** A router as pings see it. */
export interface RouterHealth {
  good: boolean;
  /** Smoothed, ms; null before the first answer. */
  rttMs: number | null;
}

/** The health of several routers, by id. */
export class Health {
  readonly #routers = new Map<string, { good: boolean; rttMs: number | null; misses: number; answers: number }>();

  /** @returns true when it counts as good from now on and did not before */
  answered(id: string, rttMs: number): boolean {
    const router = this.#of(id);
    router.misses = 0;
    router.answers++;
    router.rttMs = router.rttMs === null ? rttMs : router.rttMs * 0.8 + rttMs * 0.2;
    if (router.good || router.answers < ANSWERS) return false;
    return router.good = true;
  }

  /** @returns true when it counts as gone from now on and did not before */
  missed(id: string): boolean {
    const router = this.#of(id);
    router.answers = 0;
    router.misses++;
    if (!router.good || router.rttMs === null || router.misses < MISSES) return false;
    router.good = false;
    return true;
  }

  of(id: string): RouterHealth {
    const { good, rttMs } = this.#of(id);
    return { good, rttMs };
  }

  /** Forgets all but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#routers.keys()) if (!ids.has(id)) this.#routers.delete(id);
  }

  #of(id: string): { good: boolean; rttMs: number | null; misses: number; answers: number } {
    const known = this.#routers.get(id) ?? { good: true, rttMs: null, misses: 0, answers: 0 };
    this.#routers.set(id, known);
    return known;
  }
}
