/** The agent's times in milliseconds and its bounds, in one place. */
import type { ConsentTiming } from "./consent.ts";

export interface IceTiming {
  /** Ta, RFC 8445 section 14.2: the pace of checks, all pairs of this peer together. */
  paceMs: number;
  /** How long a valid pair waits for a better one before it is nominated. */
  nominationWaitMs: number;
  /**
   * When the selected pair is checked, and when it counts as dead. RFC 7675 allows 30 s; a tunnel wants its fallback sooner. Idle pairs
   * are asked as section 5.1 has it; those that carry data more often than it allows: whoever sends does not wait ten seconds for the fallback.
   */
  consent: ConsentTiming;
}

export const ICE_TIMING: Readonly<IceTiming> = {
  paceMs: 10,
  nominationWaitMs: 30,
  // Where a fifth is lost each way, twelve in a row go unanswered once in 200,000 times.
  consent: { everyMs: 5_000, busyMs: 800, retryMs: 250, busyRetryMs: 100, misses: 12, expiryMs: 10_000 },
};

/**
 * Waits behind the checks of one pair. RFC 8445 section 14.3 doubles from 500 ms; here the first ones come in a burst,
 * because the other side's NAT lets nothing in until that side has sent too, and the two start at different moments.
 */
export const CHECK_WAITS: readonly number[] = [
  50,
  50,
  50,
  50,
  100,
  100,
  200,
  200,
  400,
  400,
  800,
  800,
  1600,
  1600,
  1600,
  1600,
];
/** Waits behind the checks that nominate; the pair was valid a moment ago. */
export const NOMINATION_WAITS: readonly number[] = [50, 50, 100, 100, 200, 200, 400, 400, 800];
/** Where in CHECK_WAITS a failed pair goes on when the peer's check comes in over it. */
export const REVIVED_AT = 8;
/** Triggered checks come on top of the waits, at this distance and at most so many a pair. */
export const TRIGGERED_GAP = 10;
export const MAX_TRIGGERED = 20;
/** How long an answer is waited for, in ms. */
export const TRANSACTION_LIFETIME = 10_000;
/** ICE is not given up before this, in ms: candidates and the peer's first check may be late. */
export const PATIENCE = 10_000;
/** The controlled side waits so much longer for a nomination when a pair is valid. */
export const NOMINATION_PATIENCE = 5_000;

export const MAX_LOCALS = 32;
export const MAX_REMOTES = 32;
/** Addresses learnt from authenticated checks alone. */
export const MAX_REFLEXIVE = 16;
/** RFC 8445 section 6.1.2.5. */
export const MAX_PAIRS = 100;
/** Checks that came before the peer's credentials. */
export const MAX_EARLY = 16;
