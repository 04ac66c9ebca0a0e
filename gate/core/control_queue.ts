/**
 * Control messages that wait for one session. A node that reads slowly or not at all costs a bounded amount:
 * - signals are bounded by count and bytes, the oldest goes first (their protocol repeats what matters);
 * - presence is a state: only the newest waits, and only of watched nodes (at most 2000); of ledger heads the newest and those of branches;
 * - of TURN credentials the newest waits, and of pings;
 * - of each kind of word about the lane with one node only the newest waits, and so many of all these words: a node may ask for lanes
 *   with whom it likes, and is told of each that there is none. The oldest goes first; who wants a lane asks again;
 * - pongs and what belongs to the ledger are bounded; the few messages of the handshake are not.
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { Limits } from "./limits.ts";

/** A chain's head and those of its branches. */
const MAX_HEADS = 6;

type Bounds = Pick<Limits, "signals" | "signalBytes" | "pongs" | "ledger" | "laneWords">;

export class ControlQueue {
  readonly #limits: Bounds;
  #first: FromGate[] = [];
  /** Of these kinds only the newest. */
  #newest = new Map<string, FromGate>();
  #pongs: number[] = [];
  #heads: LedgerHead[] = [];
  #ledger: LedgerMessage[] = [];
  #lanes = new Map<string, FromGate>();
  #presence = new Map<string, boolean>();
  #signals: { from: string; box: string }[] = [];
  #signalBytes = 0;
  /** Signals given up since the start. */
  dropped = 0;

  constructor(limits: Bounds) {
    this.#limits = limits;
  }

  push(message: FromGate): void {
    switch (message.t) {
      case "signal":
        this.#signals.push({ from: message.from, box: message.box });
        this.#signalBytes += message.box.length;
        while (this.#signals.length > this.#limits.signals || this.#signalBytes > this.#limits.signalBytes) {
          this.#signalBytes -= this.#signals.shift()!.box.length;
          this.dropped++;
        }
        return;
      case "presence":
        this.#presence.set(message.node, message.up);
        return;
      case "head":
        this.#heads = [...this.#heads.filter(({ seq }) => seq >= message.head.seq), message.head];
        if (this.#heads.length > MAX_HEADS) this.#heads.shift();
        return;
      case "entries":
      case "want":
      case "piece":
        // What is given up is asked for again when the next head is seen.
        if (this.#ledger.length < this.#limits.ledger) this.#ledger.push(message);
        return;
      case "turn":
      case "ping":
        this.#newest.set(message.t, message);
        return;
      case "pong":
        if (this.#pongs.length >= this.#limits.pongs) this.#pongs.shift();
        this.#pongs.push(message.n);
        return;
      case "lane":
      case "lane-ready":
      case "lane-ended": {
        const key = `${message.t} ${message.node}`;
        this.#lanes.delete(key); // the newest goes last
        this.#lanes.set(key, message);
        if (this.#lanes.size > this.#limits.laneWords) this.#lanes.delete(this.#lanes.keys().next().value!);
        return;
      }
      default:
        this.#first.push(message);
    }
  }

  /** Forgets presence that nobody has asked for any more. */
  dropPresence(): void {
    this.#presence.clear();
  }

  shift(): FromGate | undefined {
    const first = this.#first.shift();
    if (first) return first;
    for (const [kind, message] of this.#newest) {
      this.#newest.delete(kind);
      return message;
    }
    const n = this.#pongs.shift();
    if (n !== undefined) return { t: "pong", n };
    const head = this.#heads.shift();
    if (head) return { t: "head", head };
    const ledger = this.#ledger.shift();
    if (ledger) return ledger;
    for (const [key, message] of this.#lanes) {
      this.#lanes.delete(key);
      return message;
    }
    for (const [node, up] of this.#presence) {
      this.#presence.delete(node);
      return { t: "presence", node, up };
    }
    const signal = this.#signals.shift();
    if (!signal) return undefined;
    this.#signalBytes -= signal.box.length;
    return { t: "signal", ...signal };
  }

  clear(): void {
    this.#first = [];
    this.#newest.clear();
    this.#pongs = [];
    this.#heads = [];
    this.#ledger = [];
    this.#lanes.clear();
    this.#presence.clear();
    this.#signals = [];
    this.#signalBytes = 0;
  }
}
