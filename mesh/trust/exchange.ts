/**
 * How two that hold a ledger of one network bring each other up to date, over whatever carries messages between them (sealed
 * peer messages, a gate session). Each shows its head from time to time; what follows from it:
 *
 * - The other is behind on the same chain: it is handed the next entries. One that is too large goes in pieces, each asked
 *   for by the receiver.
 * - The other shows another entry for a place that we know: there is a fork. Both ask for the other's entry by its hash, and
 *   then for its ancestors until they are known, so that both know what either branch revokes.
 * - The other is ahead: it is shown our head and those of the branches that we know, and then the first case holds there.
 *
 * Nothing here is trusted: an entry counts when the ledger takes it. Pure; the time is passed in, in ms.
 */
import type { LedgerHead, LedgerMessage } from "../wire/ledger.ts";
import type { Ledger } from "./ledger.ts";

/** The same is handed or asked at most this often, in ms. */
const AGAIN_AFTER = 2_000;
/** Who has not been heard for so long, in ms, is forgotten: a gate sees machines come and go for years. */
const FORGET_AFTER = 120_000;
/** Characters of a piece, and pieces of the longest entry. */
const PIECE = 8_000;
const MAX_PIECES = 140;
const MAX_ENTRIES = 64;
/** Branches whose newest entries are shown. */
const MAX_TIPS = 4;
/** Entries that come in pieces at once, from all others together. */
const MAX_IN_PIECES = 16;

interface Other {
  heardAt: number;
  /** When something was last handed or asked, by what it was. */
  done: Map<string, number>;
  /** An entry that comes in pieces. */
  pieces: { hash: string; parts: string[]; of: number } | null;
}

/** What to do about a message. */
export interface Exchanged {
  /** Entries to take. */
  entries: string[];
  /** What to send back. */
  send: LedgerMessage[];
}

/** Brings others up to date, and oneself by them. */
export class LedgerExchange {
  readonly #ledger: Ledger;
  /** Characters of entries that fit one message. */
  readonly #batch: number;
  /** Who was heard longest ago comes first. */
  readonly #others = new Map<string, Other>();
  /** The newest time that was told. */
  #now = 0;

  constructor(ledger: Ledger, o: { batch: number }) {
    this.#ledger = ledger;
    this.#batch = o.batch;
  }

  #other(id: string): Other {
    const other = this.#others.get(id) ?? { heardAt: 0, done: new Map(), pieces: null };
    other.heardAt = this.#now;
    this.#others.delete(id);
    this.#others.set(id, other);
    return other;
  }

  /** Others that are remembered. */
  get others(): number {
    return this.#others.size;
  }

  #forget(now: number): void {
    this.#now = now;
    for (const [id, { heardAt }] of this.#others) {
      if (now - heardAt < FORGET_AFTER) return;
      this.#others.delete(id);
    }
  }

  /** False when `what` was done for this other a moment ago. */
  #may(id: string, what: string, now: number): boolean {
    this.#forget(now);
    const { done } = this.#other(id);
    for (const [key, at] of done) if (now - at >= AGAIN_AFTER) done.delete(key);
    if (done.has(what) || done.size >= 64) return false;
    done.set(what, now);
    return true;
  }

  #lacks(head: LedgerHead): boolean {
    return this.#ledger.byHash(head.hash) === undefined;
  }

  /** What to show to somebody whose head we lack, so that we are handed what is missing: our heads, or nothing. */
  behind(id: string, head: LedgerHead, now: number): LedgerHead[] {
    const may = this.#lacks(head) && this.#may(id, `show ${this.#ledger.revision} ${head.hash}`, now);
    return may ? this.heads() : [];
  }

  /** Our head, and those of branches beside our chain. */
  heads(): LedgerHead[] {
    return [this.#ledger.head, ...this.#ledger.tips.slice(-MAX_TIPS)];
  }

  /** What to send to somebody who shows this head. */
  headSeen(id: string, head: LedgerHead, now: number): LedgerMessage[] {
    const own = this.#ledger.hashAt(head.seq);
    if (own === undefined) return [];
    if (own === head.hash) {
      if (head.seq === this.#ledger.head.seq || !this.#may(id, `from ${head.seq}`, now)) return [];
      return this.#from(head.seq + 1);
    }
    const shown = this.#may(id, `fork ${head.seq}`, now) ? this.#from(head.seq) : [];
    return this.#lacks(head) ? [...shown, ...this.#want(id, head.hash, now)] : shown;
  }

  #want(id: string, hash: string, now: number): LedgerMessage[] {
    return this.#may(id, `want ${hash}`, now) ? [{ t: "want", hash, part: 0 }] : [];
  }

  #from(seq: number): LedgerMessage[] {
    const entries: string[] = [];
    for (let at = seq, size = 0; entries.length < MAX_ENTRIES; at++) {
      const entry = this.#ledger.at(at);
      if (entry === undefined || (size += entry.length) > this.#batch) break;
      entries.push(entry);
    }
    if (entries.length > 0) return [{ t: "entries", entries }];
    const hash = this.#ledger.hashAt(seq);
    return hash === undefined ? [] : this.#piece(hash, 0);
  }

  #piece(hash: string, part: number): LedgerMessage[] {
    const text = this.#ledger.byHash(hash);
    const of = Math.ceil((text?.length ?? 0) / PIECE);
    if (text === undefined || part >= of) return [];
    return [{ t: "piece", hash, part, of, text: text.slice(part * PIECE, (part + 1) * PIECE) }];
  }

  /** A message from somebody. */
  received(id: string, message: LedgerMessage): Exchanged {
    if (message.t === "entries") return { entries: message.entries, send: [] };
    if (message.t === "want") return { entries: [], send: this.#piece(message.hash, message.part) };
    const { hash, part, of, text } = message;
    const other = this.#other(id);
    if (this.#ledger.byHash(hash) !== undefined || of > MAX_PIECES) return { entries: [], send: [] };
    if (part === 0) this.#begin(other, { hash, parts: [], of });
    const { pieces } = other;
    if (pieces?.hash !== hash || pieces.of !== of || pieces.parts.length !== part) return { entries: [], send: [] };
    pieces.parts.push(text);
    if (part + 1 < of) return { entries: [], send: [{ t: "want", hash, part: part + 1 }] };
    other.pieces = null;
    return { entries: [pieces.parts.join("")], send: [] };
  }

  #begin(other: Other, pieces: Other["pieces"]): void {
    const others = [...this.#others.values()].filter((o) => o !== other && o.pieces !== null);
    if (others.length >= MAX_IN_PIECES) others[0]!.pieces = null;
    other.pieces = pieces;
  }

  /** What to ask of somebody whose entries were taken: the ancestors of a branch that are not known. */
  wanted(id: string, now: number): LedgerMessage[] {
    return this.#ledger.missing.flatMap((hash) => this.#want(id, hash, now));
  }

  /** Forgets somebody. */
  drop(id: string): void {
    this.#others.delete(id);
  }
}
