/**
 * Control messages that wait for one session. A node that reads slowly or not at all costs a bounded amount:
 * - signals are bounded by count and bytes, the oldest goes first (their protocol repeats what matters);
 * - presence and head are states: only the newest of each waits, and presence only of watched nodes (at most 2000);
 * - of each kind of word about the lane with one node only the newest waits;
 * - pongs are bounded; the few messages of the handshake are not.
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";

export class ControlQueue {
  readonly #limits: { signals: number; signalBytes: number; pongs: number };
  #first: FromGate[] = [];
  #pongs: number[] = [];
  #head: LedgerHead | null = null;
  #lanes = new Map<string, FromGate>();
  #presence = new Map<string, boolean>();
  #signals: { from: string; box: string }[] = [];
  #signalBytes = 0;
  /** Signals given up since the start. */
  dropped = 0;

  constructor(limits: { signals: number; signalBytes: number; pongs: number }) {
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
        this.#head = message.head;
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
    const n = this.#pongs.shift();
    if (n !== undefined) return { t: "pong", n };
    if (this.#head) {
      const head = this.#head;
      this.#head = null;
      return { t: "head", head };
    }
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
    this.#pongs = [];
    this.#head = null;
    this.#lanes.clear();
    this.#presence.clear();
    this.#signals = [];
    this.#signalBytes = 0;
  }
}
