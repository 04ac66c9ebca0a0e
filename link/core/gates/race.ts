/**
 * Which of a gate's addresses is dialled when, and which of the lines becomes the session (RFC 8305, sections 4 and 5): one after
 * another, the families in turn, the next one a moment after the last or as soon as that has failed. So an address that does not
 * answer, as all of a family on a machine that only seems to have it, costs that moment and not the patience of a whole dial.
 *
 * A gate knows one session of a node, the newest. So a line on which the gate has proved itself waits for its turn to ask for the
 * session, and gets it only when the one before has failed: the first whole session ends the race, and no other takes its place.
 */
import ipaddr from "ipaddr.js";

/** Between two dials, in ms (RFC 8305, section 8: Connection Attempt Delay). */
export const DIAL_DELAY = 250;

/** What happens in a race. */
export type RaceEvent =
  | { kind: "start" }
  | { kind: "tick" }
  /** The gate has proved itself there. */
  | { kind: "open"; address: string }
  /** The session is there. */
  | { kind: "whole"; address: string }
  /** That dial is over. */
  | { kind: "failed"; address: string };

/** What is to be done. */
export type RaceAction =
  | { kind: "dial"; address: string }
  /** Ask for the session there. */
  | { kind: "turn"; address: string }
  /** End that dial. */
  | { kind: "drop"; address: string }
  /** Nothing is under way any more; null: all have failed. */
  | { kind: "over"; won: string | null };

/** One race; see the head of this file. */
export class Race {
  /** Not dialled yet. */
  readonly #next: string[];
  /** Dialled, in that order; whether the gate has proved itself there. */
  readonly #lines = new Map<string, { open: boolean }>();
  /** Where the session is asked for. */
  #turn: string | null = null;
  #due: number | null = null;
  #over = false;

  /** @param addresses in the order of wish; names as well */
  constructor(addresses: readonly string[]) {
    this.#next = inTurn([...new Set(addresses)]);
  }

  handle(event: RaceEvent, now: number): RaceAction[] {
    if (this.#over) return [];
    switch (event.kind) {
      case "start":
        return this.#dial(now);
      case "tick":
        return now >= (this.nextDeadline() ?? Infinity) ? this.#dial(now) : [];
      case "open": {
        const line = this.#lines.get(event.address);
        if (line) line.open = true;
        return this.#giveTurn();
      }
      case "whole":
        this.#lines.delete(event.address);
        return this.#end(event.address);
      case "failed":
        if (!this.#lines.delete(event.address)) return [];
        if (this.#turn !== event.address) return this.#turn === null ? this.#dial(now) : [];
        this.#turn = null;
        return this.#giveTurn(() => this.#dial(now));
    }
  }

  /** When `tick` is due, in ms; null while nothing waits for the time. */
  nextDeadline(): number | null {
    return this.#turn === null ? this.#due : null;
  }

  #dial(now: number): RaceAction[] {
    const address = this.#next.shift();
    this.#due = this.#next.length > 0 ? now + DIAL_DELAY : null;
    if (address === undefined) return this.#lines.size === 0 ? this.#end(null) : [];
    this.#lines.set(address, { open: false });
    return [{ kind: "dial", address }];
  }

  #giveTurn(otherwise: () => RaceAction[] = () => []): RaceAction[] {
    if (this.#turn !== null) return [];
    for (const [address, { open }] of this.#lines) {
      if (!open) continue;
      this.#turn = address;
      return [{ kind: "turn", address }];
    }
    return otherwise();
  }

  #end(won: string | null): RaceAction[] {
    this.#over = true;
    this.#due = null;
    const drops = [...this.#lines.keys()].map((address): RaceAction => ({ kind: "drop", address }));
    this.#lines.clear();
    return [...drops, { kind: "over", won }];
  }
}

/** The families in turn, beginning with that of the first address (RFC 8305, section 4); names, which may be of both, come last. */
function inTurn(all: readonly string[]): string[] {
  const addresses = all.filter((address) => ipaddr.isValid(address));
  const family = (address: string | undefined) => address?.includes(":");
  const same = addresses.filter((address) => family(address) === family(addresses[0]));
  const other = addresses.filter((address) => family(address) !== family(addresses[0]));
  const longer = same.length > other.length ? same : other;
  const mixed = longer.flatMap((_, i) => [same[i], other[i]].filter((address) => address !== undefined));
  return [...mixed, ...all.filter((address) => !ipaddr.isValid(address))];
}
