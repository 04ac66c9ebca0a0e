/**
 * At which of several gates two nodes meet. Each has its own distances; the sum of both decides, then the id, with hysteresis.
 * So that both use the same one although their views differ for a moment, the end with the smaller id leads: it tells its
 * choice, and the other follows as far as it can. Where one of them cannot follow, packets cross all the same: each end sends
 * where it may, and takes what comes from anywhere.
 *
 * A gate that has failed lately is used only where there is no other one, for a wait that grows (homing.ts): one that comes and goes
 * would cost a gap at each fall.
 *
 * What the other end says of its distances can attract or repel nobody but itself; what a gate says is not asked here.
 */
import { Hold } from "../path/hold.ts";

/** A gate where both ends are now. */
export interface GateOption {
  gate: string;
  /** This node's round trip to it, ms; null: not known. */
  mine: number | null;
  /** Not drained, not leaving, not silent. */
  good: boolean;
  /** It has failed lately. */
  held: boolean;
}

/** A gate whose distance is not known is taken to be this far away, ms; to the other end it is as far as to this one. */
const UNKNOWN = 300;
/** A gate has to be nearer by more than this, in ms and as a share, to take another one's place. */
const MARGIN_MS = 5;
const MARGIN = 0.2;
/** Distances of the other end that are kept. */
const MAX_TOLD = 8;
/** Between two messages, ms. */
const TELL_EVERY = 1_000;
/** A gate over which nothing came back is avoided: 30 s, doubled up to 10 minutes. */
const DOUBT = { firstMs: 30_000, longestMs: 600_000, healthyMs: 600_000 };

/** Smaller is better, whatever the distance. */
function rankOf({ good, held }: GateOption): number {
  return good ? Number(held) : 2;
}

/** The better gate for a pair; null without any. `theirs` are the other end's round trips, ms. */
export function chooseGate(
  options: readonly GateOption[],
  theirs: ReadonlyMap<string, number>,
  current: string | null,
): string | null {
  const least = Math.min(...options.map(rankOf));
  const known = options.filter((o) => rankOf(o) === least);
  const cost = ({ gate, mine }: GateOption) => (mine ?? UNKNOWN) + (theirs.get(gate) ?? mine ?? UNKNOWN);
  const [best] = known.toSorted((a, b) => cost(a) - cost(b) || (a.gate < b.gate ? -1 : 1));
  if (!best) return null;
  const kept = known.find((o) => o.gate === current);
  if (kept && cost(best) + Math.max(MARGIN_MS, MARGIN * cost(kept)) >= cost(kept)) return kept.gate;
  return best.gate;
}

/** What an end tells the other: its distances, and (the leader) its choice. */
export interface MeetWord {
  gate: string | null;
  rtts: { gate: string; rttMs: number }[];
}

const NOTHING = { gate: null, rtts: [], at: -Infinity };

/** Distances that moved a little are none. */
function isNews(before: number | undefined, rttMs: number): boolean {
  return before === undefined || Math.abs(rttMs - before) > Math.max(MARGIN_MS, before / 4);
}

/** One pair's place to meet, as one end sees it. */
export class Meeting {
  readonly #leads: boolean;
  readonly #doubts = new Map<string, Hold>();
  #theirs: ReadonlyMap<string, number> = new Map();
  #current: string | null = null;
  /** The leader's choice. */
  #word: string | null = null;
  #told: MeetWord & { at: number } = NOTHING;
  #answer = false;

  constructor(o: { leads: boolean }) {
    this.#leads = o.leads;
  }

  /** The gate that was chosen last. */
  get current(): string | null {
    return this.#current;
  }

  /** The other end's word. */
  heard(word: MeetWord): void {
    this.#theirs = new Map(word.rtts.slice(0, MAX_TOLD).map(({ gate, rttMs }) => [gate, rttMs]));
    if (!this.#leads) this.#word = word.gate;
    this.#answer = true;
  }

  /** Nothing came back over this gate: it may be lying about who is there, or be cut off. */
  doubt(gate: string, now: number): void {
    const hold = this.#doubts.get(gate) ?? new Hold(DOUBT);
    hold.fail(now);
    this.#doubts.set(gate, hold);
  }

  /** Where to meet now; null when there is no gate where both are. */
  choose(options: readonly GateOption[], now: number): string | null {
    const judged = options.map((o) => ({ ...o, good: o.good && !this.#doubts.get(o.gate)?.holds(now) }));
    const word = this.#leads ? undefined : judged.find((o) => o.gate === this.#word);
    const follow = word && judged.every((o) => rankOf(o) >= rankOf(word));
    return this.#current = follow ? word.gate : chooseGate(judged, this.#theirs, this.#current);
  }

  /** What is to be told now, or null: only news, not too often, and only where there is a choice. */
  tell(options: readonly GateOption[], now: number): MeetWord | null {
    if (options.length < 2 && !this.#answer) return null;
    if (now - this.#told.at < TELL_EVERY) return null;
    const rtts = options.flatMap(({ gate, mine }) => mine === null ? [] : [{ gate, rttMs: Math.round(mine * 10) / 10 }])
      .toSorted((a, b) => a.rttMs - b.rttMs).slice(0, MAX_TOLD);
    const gate = this.#leads ? this.#current : null;
    const news = gate !== this.#told.gate || rtts.length !== this.#told.rtts.length ||
      rtts.some((r) => isNews(this.#told.rtts.find((t) => t.gate === r.gate)?.rttMs, r.rttMs));
    this.#answer = false;
    if (!news) return null;
    this.#told = { gate, rtts, at: now };
    return { gate, rtts };
  }

  /** The other end has started anew, or cannot have heard what was said: say it again. */
  forget(): void {
    this.#told = NOTHING;
    this.#word = null;
  }
}
