/** What happened lately, for people who wonder: the last few events with their times. */
const MAX = 64;

export interface TimelineEntry {
  /** ms since 1970. */
  at: number;
  what: string;
}

export class Timeline {
  readonly #now: () => number;
  #entries: TimelineEntry[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  note(what: string): void {
    if (this.#entries.length >= MAX) this.#entries.shift();
    this.#entries.push({ at: this.#now(), what });
  }

  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }
}
