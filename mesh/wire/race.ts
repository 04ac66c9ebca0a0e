/**
 * Several ways to one thing, as the addresses of a gate: which is tried when, and which becomes it (RFC 8305, section 5): one after
 * another, the next one a moment after the last or as soon as one has failed. So a way that does not answer costs that moment and
 * not the patience of a whole dial. The clock and the dials are those of mesh/host/race.ts.
 *
 * A gate knows one session of a node, the newest. So a line on which the gate has proved itself waits for its turn to ask for the
 * session, and gets it only when the one before has failed: the first whole session ends the race, and no other takes its place.
 * Where that does not matter, nobody asks for a turn, and what is whole first has won.
 */
import ipaddr from "ipaddr.js";

/** Between two dials, in ms (RFC 8305, section 8: Connection Attempt Delay). */
export const DIAL_DELAY = 250;

/** What happens in a race. */
export type RaceEvent<W> =
  | { kind: "start" }
  | { kind: "tick" }
  /** Somebody has answered there, and a turn is asked for. */
  | { kind: "open"; way: W }
  /** It is there. */
  | { kind: "whole"; way: W }
  /** That dial is over. */
  | { kind: "failed"; way: W };

/** What is to be done. */
export type RaceAction<W> =
  | { kind: "dial"; way: W }
  /** Go on there. */
  | { kind: "turn"; way: W }
  /** End that dial. */
  | { kind: "drop"; way: W }
  /** Nothing is under way any more; null: all have failed. */
  | { kind: "over"; won: { way: W } | null };

/** One race; see the head of this file. */
export class Race<W> {
  /** Not dialled yet. */
  readonly #next: W[];
  /** Dialled, in that order; whether somebody has answered there. */
  readonly #lines = new Map<W, { open: boolean }>();
  /** Whose turn it is. */
  #turn: { way: W } | null = null;
  #due: number | null = null;
  #over = false;

  /** @param ways in the order of wish; each is tried once */
  constructor(ways: readonly W[]) {
    this.#next = [...new Set(ways)];
  }

  handle(event: RaceEvent<W>, now: number): RaceAction<W>[] {
    if (this.#over) return [];
    switch (event.kind) {
      case "start":
        return this.#dial(now);
      case "tick":
        return now >= (this.nextDeadline() ?? Infinity) ? this.#dial(now) : [];
      case "open": {
        const line = this.#lines.get(event.way);
        if (line) line.open = true;
        return this.#giveTurn();
      }
      case "whole":
        this.#lines.delete(event.way);
        return this.#end({ way: event.way });
      case "failed":
        if (!this.#lines.delete(event.way)) return [];
        if (this.#turn?.way !== event.way) return this.#turn === null ? this.#dial(now) : [];
        this.#turn = null;
        return this.#giveTurn(() => this.#dial(now));
    }
  }

  /** When `tick` is due, in ms; null while nothing waits for the time. */
  nextDeadline(): number | null {
    return this.#turn === null ? this.#due : null;
  }

  #dial(now: number): RaceAction<W>[] {
    const way = this.#next.shift();
    this.#due = this.#next.length > 0 ? now + DIAL_DELAY : null;
    if (way === undefined) return this.#lines.size === 0 ? this.#end(null) : [];
    this.#lines.set(way, { open: false });
    return [{ kind: "dial", way }];
  }

  #giveTurn(otherwise: () => RaceAction<W>[] = () => []): RaceAction<W>[] {
    if (this.#turn !== null) return [];
    for (const [way, { open }] of this.#lines) {
      if (!open) continue;
      this.#turn = { way };
      return [{ kind: "turn", way }];
    }
    return otherwise();
  }

  #end(won: { way: W } | null): RaceAction<W>[] {
    this.#over = true;
    this.#due = null;
    const drops = [...this.#lines.keys()].map((way): RaceAction<W> => ({ kind: "drop", way }));
    this.#lines.clear();
    return [...drops, { kind: "over", won }];
  }
}

/**
 * Addresses in the order in which they are to be dialled: the families in turn, beginning with that of the first (RFC 8305,
 * section 4), for all of one family are silent on a machine that only seems to have it; names, which may be of both, come last.
 */
export function familiesInTurn(wanted: readonly string[]): string[] {
  const all = [...new Set(wanted)];
  const addresses = all.filter((address) => ipaddr.isValid(address));
  const family = (address: string | undefined) => address?.includes(":");
  const same = addresses.filter((address) => family(address) === family(addresses[0]));
  const other = addresses.filter((address) => family(address) !== family(addresses[0]));
  const longer = same.length > other.length ? same : other;
  const mixed = longer.flatMap((_, i) => [same[i], other[i]].filter((address) => address !== undefined));
  return [...mixed, ...all.filter((address) => !ipaddr.isValid(address))];
}
