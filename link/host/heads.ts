/**
 * Ledger entries between this node and everybody it talks to, so that nobody can keep them from it who is not alone with it:
 * each head that is shown leads to what is missing on either side (mesh/trust/exchange.ts), and what is new here is handed on
 * at once, to all gates and to the peers, a few at a time.
 */
import { LedgerExchange } from "../../mesh/trust/exchange.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";

/** Entries that fit one sealed box, and one control message of a gate session, in characters. */
const BOX = 8_000;
const CONTROL = 48_000;
/** Peers that are told of news at once, and how long until the next ones are, in ms. */
const TOLD_AT_ONCE = 32;
const NEXT_AFTER = 250;

/** How the node reaches others. */
export interface HeadsHost {
  ledger: Ledger;
  /** To a peer, sealed. */
  toPeer(id: string, message: LedgerMessage): void;
  /** Shows a peer a head with nothing else. */
  showPeer(id: string, head: LedgerHead): void;
  toGate(id: string, message: LedgerMessage | { t: "head"; head: LedgerHead }): void;
  /** Those who can be told of news. */
  peers(): readonly string[];
  gates(): readonly string[];
  /** Takes entries; resolves to true when some were new. */
  take(entries: readonly string[], from: string): Promise<boolean>;
  /** ms since 1970. */
  now(): number;
}

/** Brings others up to date, and this node by them. */
export class Heads {
  readonly #o: HeadsHost;
  readonly #peers: LedgerExchange;
  readonly #gates: LedgerExchange;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(o: HeadsHost) {
    this.#o = o;
    this.#peers = new LedgerExchange(o.ledger, { batch: BOX });
    this.#gates = new LedgerExchange(o.ledger, { batch: CONTROL });
  }

  /** A peer shows its head, as every sealed message does. */
  peerHead(id: string, head: LedgerHead): void {
    const messages = this.#peers.headSeen(id, head, this.#o.now());
    for (const message of messages) this.#o.toPeer(id, message);
    if (messages.length > 0) return;
    for (const own of this.#peers.behind(id, head, this.#o.now())) this.#o.showPeer(id, own);
  }

  /** A peer hands on what we lack, or asks for what it lacks. */
  async fromPeer(id: string, message: LedgerMessage): Promise<void> {
    const { entries, send } = this.#peers.received(id, message);
    for (const answer of send) this.#o.toPeer(id, answer);
    if (entries.length === 0) return;
    const news = await this.#o.take(entries, id);
    const wanted = this.#peers.wanted(id, this.#o.now());
    for (const want of wanted) this.#o.toPeer(id, want);
    if (!news || wanted.length > 0) return;
    for (const own of this.#peers.heads()) this.#o.showPeer(id, own); // there may be more
  }

  /** A gate shows its head. */
  gateHead(id: string, head: LedgerHead): void {
    const messages = this.#gates.headSeen(id, head, this.#o.now());
    for (const message of messages) this.#o.toGate(id, message);
    if (messages.length > 0) return;
    for (const own of this.#gates.behind(id, head, this.#o.now())) this.#o.toGate(id, { t: "head", head: own });
  }

  /** As `fromPeer`, from a gate. */
  async fromGate(id: string, message: LedgerMessage): Promise<void> {
    const { entries, send } = this.#gates.received(id, message);
    for (const answer of send) this.#o.toGate(id, answer);
    if (entries.length === 0) return;
    const news = await this.#o.take(entries, id);
    const wanted = this.#gates.wanted(id, this.#o.now());
    for (const want of wanted) this.#o.toGate(id, want);
    if (!news || wanted.length > 0) return;
    for (const own of this.#gates.heads()) this.#o.toGate(id, { t: "head", head: own });
  }

  /** Hands new entries on: to all gates and peers but the one that they came from. */
  spread(entries: readonly string[], from: string | null): void {
    const size = entries.reduce((sum, entry) => sum + entry.length, 0);
    const fits = entries.length <= 64 && entries.length > 0;
    for (const id of this.#o.gates()) {
      if (id === from) continue;
      if (fits && size <= CONTROL) this.#o.toGate(id, { t: "entries", entries: [...entries] });
      this.#o.toGate(id, { t: "head", head: this.#o.ledger.head });
    }
    const tell = (rest: readonly string[]) => {
      for (const id of rest.slice(0, TOLD_AT_ONCE)) {
        if (fits && size <= BOX) this.#o.toPeer(id, { t: "entries", entries: [...entries] });
        else this.#o.showPeer(id, this.#o.ledger.head);
      }
      if (rest.length > TOLD_AT_ONCE) this.#timer = setTimeout(() => tell(rest.slice(TOLD_AT_ONCE)), NEXT_AFTER);
    };
    clearTimeout(this.#timer);
    tell(this.#o.peers().filter((id) => id !== from));
  }

  /** Forgets a peer or gate. */
  drop(id: string): void {
    this.#peers.drop(id);
    this.#gates.drop(id);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
