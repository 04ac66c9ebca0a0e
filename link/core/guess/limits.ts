/**
 * The figures of guessing. With 256 of 64,512 ports open a random probe hits with 0.4%: 50% by 174 probes, 98.3% by 1,024,
 * 99.9% by 1,800. Times are milliseconds.
 */

/** Sockets that the hard side opens towards the easy side's one address. */
export const SOCKETS = 256;
/** Between two probes of the easy side: 100 a second. */
export const PROBE_EVERY = 10;
/** A timer that came late is made up for by so many. */
export const PROBES_AT_ONCE = 4;
/** Probes of one guess. */
export const MAX_PROBES = 1_800;
/** Openers go out so many at once, at this distance. */
export const OPENERS_AT_ONCE = 8;
export const OPENERS_EVERY = 20;
/** Openers are sent again after this time: many NATs forget what nobody answered after 30 s. */
export const REOPEN_AFTER = 10_000;
/** The hard side waits so long; a little longer than the easy side probes. */
export const OPEN_FOR = 20_000;
/** Ordinary checks have this long before anything is guessed. */
export const GUESS_AFTER = 2_500;
/** An ask that is not answered is made again after this time. */
export const ASK_AGAIN = 3_000;
/** Where the peer is busy, or what this machine's NAT does is not known yet, it is tried again after this time. */
export const WHEN_BUSY = 1_000;
/** A yes that is older when the turn comes is asked for once more: the peer may be busy by now, or off. */
export const FRESH = 500;
/** The turn is held so long for the answer to that. */
export const HELD_FOR = 1_500;
/** So many turns held in vain are forgiven a peer. */
export const MAX_HELD_IN_VAIN = 2;
/** With that many, and after each further one, it is not asked for so long. */
export const LEFT_ALONE = 60_000;
/** A peer that has left its gate has gone, unless it is back within this time. */
export const GONE_AFTER = 2_000;
/** After so many asks in a row a busy peer is left alone for one `WHEN_BUSY` longer. */
export const ASKS_ALIKE = 5;
/** Asks of one attempt of ICE, whose failure is kept back while the peer is busy: 50 s of a peer that always is. */
export const MAX_ASKS = 20;
/** Guesses in vain towards one peer on one network; a pair that stays shut stays on its relay. */
export const MAX_GUESSES = 3;
/** So many that the peer broke off are not counted as in vain: it may have begun for another one meanwhile. */
export const MAX_BROKEN_OFF = 2;
/** Guesses with one peer on one network in an hour, whatever came of them: the peer can make a pair come and go. */
export const MAX_AN_HOUR = 6;
export const HOUR = 3_600_000;
/** What NATs give out (RFC 4787 section 4.2.1 keeps them off the well-known ports). */
export const LOWEST_PORT = 1_024;
export const HIGHEST_PORT = 65_535;
