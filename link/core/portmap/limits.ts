/** How long mappings live and how often a router is asked: its answers are clamped to these, whatever they say. */

/** Lifetime that is asked for, in s: what a crash leaves behind is gone after it. */
export const LIFETIME = 600;
/** Lifetimes that are believed, in s. A shorter one would make us ask all the time, a longer one is of no use. */
const SHORTEST = 60;
const LONGEST = 7_200;
/** A mapping is looked after at least this often, in ms: a router that restarted is noticed by then. */
const LOOK_EVERY = 60_000;
/** Waits after a search that made no mapping, in ms; the last one stays. */
export const SEARCH_AGAIN: readonly number[] = [60_000, 300_000, 1_200_000];
/** Ports that are asked for one after the other where somebody else has the one before. */
export const PORT_TRIES = 4;

/** What is believed of a router's lifetime, in s. */
function believedLifetime(seconds: number): number {
  return Math.min(LONGEST, Math.max(SHORTEST, seconds));
}

/** When a mapping that was made at `madeAt` (ms) is made again: at half of its life (RFC 6887 section 11.2.1, RFC 6886 section 3.3). */
export function renewAt(madeAt: number, lifetime: number): number {
  return madeAt + believedLifetime(lifetime) * 500;
}

/** When a mapping is looked at next, in ms; a router without a clock of its own has nothing to show before `renew`. */
export function lookAt(now: number, o: { renew: number; clock: boolean }): number {
  return o.clock ? Math.min(o.renew, now + LOOK_EVERY) : o.renew;
}
