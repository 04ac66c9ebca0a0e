/**
 * Which mailed asks for TURN credentials are looked at (mesh/wire/turn.ts). A signature costs time and a mailbox is open to every
 * member, so asks are bounded for each sender and in all before anything is checked, and a node's ask counts only if it is
 * later than the node's last one.
 */
import { MAX_CLOCK_SKEW } from "../../../mesh/wire/api.ts";
import { Bucket } from "../bucket.ts";

/** A sender may ask so often a second, and so many times at once; all together. */
const ONE = { rate: 0.1, burst: 6 };
const ALL = { rate: 50, burst: 200 };
/** Senders and nodes that are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 20_000;

/** Asks say when they were made by the clock of who asks; how often they come goes by a steady one. */
export class TurnAsks {
  readonly #all: Bucket;
  readonly #senders = new Map<string, Bucket>();
  readonly #last = new Map<string, number>();
  /** Asks that were not looked at. */
  dropped = 0;

  /** @param now ms of the steady clock, as in `admit` */
  constructor(now: number) {
    this.#all = new Bucket(ALL, now);
  }

  /** Whether an ask that says it is from `sender` is worth a look. */
  admit(sender: string, now: number): boolean {
    const bucket = this.#senders.get(sender) ?? new Bucket(ONE, now);
    remember(this.#senders, sender, bucket);
    const fine = bucket.take(1, now) && this.#all.take(1, now);
    if (!fine) this.dropped++;
    return fine;
  }

  /** Takes the `at` of an ask whose signatures hold; says why not, or null when it is the node's newest. @param now ms since 1970 */
  take(node: string, at: number, now: number): "replayed" | "clock_skew" | null {
    if (Math.abs(now - at) > MAX_CLOCK_SKEW * 1000) return "clock_skew";
    if (at <= (this.#last.get(node) ?? -1)) return "replayed";
    remember(this.#last, node, at);
    return null;
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value!);
}
