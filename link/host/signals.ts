/**
 * Sealed messages between this node and its peers, whatever carries them: a gate session when both ends have one with the
 * same gate, else the coordinator's mailbox. Sealing and opening take time, so each peer has a queue of its own in both
 * directions and what one carrier brings keeps its order; the two carriers may overtake each other.
 */
import { openBox, sealBox } from "../../mesh/trust/seal.ts";
import type { BoxKey } from "../../mesh/trust/keys.ts";
import { fromUtf8, parseJson, utf8 } from "../../mesh/wire/encoding.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import { ReplayWindow } from "../core/signal/replay.ts";
import { parseSignal, type Signal, type SignalBody } from "../../mesh/wire/signal.ts";

/** A box older than this, or from so far ahead, is dropped even if it is the first that arrives, in ms. */
const MAX_AGE = 300_000;
const FAULTS = { old: "an old message", ahead: "a message from a clock that is ahead", replayed: "a replayed message" };
/** Boxes of one peer that wait to be opened. */
const MAX_WAITING = 64;

/** What the channel needs from the daemon. */
export interface SignalHost {
  net: string;
  self: { id: string; key: BoxKey };
  /** The sealing key of a peer by its verified record, or undefined when it is none. */
  sealKeyOf(id: string): string | undefined;
  head(): LedgerHead;
  /** Hands a box to whatever reaches the peer now; `kind` is what it holds. */
  deliver(to: string, box: string, kind: SignalBody["t"]): void;
  /** `kept` is how long it lay in the mailbox, in ms. */
  received(from: string, signal: Signal, kept: number): Promise<void> | void;
  dropped(from: string, why: string): void;
  /** ms since 1970. */
  now(): number;
}

/** Sends and receives sealed signals. */
export class Signals {
  readonly #host: SignalHost;
  readonly #out = new Map<string, Promise<void>>();
  readonly #in = new Map<string, { chain: Promise<void>; waiting: number }>();
  readonly #windows = new Map<string, ReplayWindow>();
  #counter = 0;

  constructor(host: SignalHost) {
    this.#host = host;
  }

  /** Seals and sends, with a ledger head, our own unless told otherwise; a peer that is not known is not sent anything. */
  send(to: string, body: SignalBody, shown?: LedgerHead): void {
    const last = this.#out.get(to) ?? Promise.resolve();
    const next = last.then(async () => {
      const seal = this.#host.sealKeyOf(to);
      if (seal === undefined) return;
      const now = this.#host.now();
      // Numbers from a clock that was far ahead and is right again: nobody has taken any of those, nor would take the next.
      if (this.#counter > now + MAX_AGE) this.#counter = 0;
      this.#counter = Math.max(now, this.#counter + 1);
      const signal: Signal = { v: 1, n: this.#counter, head: shown ?? this.#host.head(), body };
      const box = await sealBox({
        plain: utf8(JSON.stringify(signal)),
        net: this.#host.net,
        from: this.#host.self,
        to: { id: to, seal },
      });
      this.#host.deliver(to, box, body.t);
    }).catch((error) => this.#host.dropped(to, errorLine(error)));
    this.#out.set(to, next);
  }

  /** Takes a box that came from `from`, as the carrier says, which kept it for so many ms; the box itself proves it. */
  receive(from: string, box: string, kept = 0): void {
    // Nothing is kept for strangers: the carrier can name as many as it likes.
    if (this.#host.sealKeyOf(from) === undefined) return this.#host.dropped(from, "no record of this node");
    const lane = this.#in.get(from) ?? { chain: Promise.resolve(), waiting: 0 };
    this.#in.set(from, lane);
    if (lane.waiting >= MAX_WAITING) return this.#host.dropped(from, "too many messages at once");
    lane.waiting++;
    lane.chain = lane.chain.then(() => this.#open(from, box, kept))
      .catch((error) => this.#host.dropped(from, errorLine(error)))
      .finally(() => lane.waiting--);
  }

  async #open(from: string, box: string, kept: number): Promise<void> {
    const seal = this.#host.sealKeyOf(from);
    if (seal === undefined) return this.#host.dropped(from, "no record of this node");
    const plain = await openBox(box, { net: this.#host.net, to: this.#host.self, from: { id: from, seal } });
    const signal = parseSignal(parseJson(fromUtf8(plain, "signal"), { place: "signal" }));
    const window = this.#windows.get(from) ?? new ReplayWindow(MAX_AGE);
    this.#windows.set(from, window);
    const fault = window.take(signal.n, this.#host.now());
    if (fault !== null) return this.#host.dropped(from, FAULTS[fault]);
    await this.#host.received(from, signal, kept);
  }

  /** Forgets a peer's queues; what was seen of it is remembered for as long as it could be replayed. */
  drop(id: string): void {
    this.#out.delete(id);
    this.#in.delete(id);
    for (const [gone, window] of this.#windows) {
      if (!this.#in.has(gone) && window.spent(this.#host.now())) this.#windows.delete(gone);
    }
  }

  /** Senders of which something is remembered. */
  get remembered(): number {
    return this.#windows.size;
  }
}
