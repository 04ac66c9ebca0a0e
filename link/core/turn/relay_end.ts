/**
 * One end of the turn rung to one peer. Each end has an address at a TURN server (its own or the same), tells the other by a
 * sealed message, and lets the other's through; packets cross as `node - server - server - node`. The rung is up from the first
 * STUN check on that came back through both servers and down when checks stay unanswered: no server's word opens anything.
 *
 * Each end signs its checks by a key of its own that only the peer has been told, so nobody in between can make one, answer one,
 * or turn one back to who sent it. A server that names an address which is not its own only gets checks sent there.
 */
import { fromBase64Url, toBase64Url } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import {
  canonical,
  encodeStun,
  field,
  isStun,
  isUsable,
  sameAddress,
  type StunCrypto,
  type TransportAddress,
  tryDecodeStun,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";

/** Waits behind each offer that is not answered; the last one repeats. A mailbox carries them, so they grow. */
const OFFER_WAITS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000];
/** An offer is answered again after this at the earliest. */
const ANSWER_AGAIN = 400;
/** Waits after a check while the rung is not up, after an answer, and after a check of a rung that is up; in ms. */
const CHECK_WAITS = [50, 100, 100, 200, 400, 800, 1_600, 5_000];
const CHECK_EVERY = 2_500;
const CHECK_RETRY = 500;
/** So long without an answered check, and the rung is down. */
const CHECK_EXPIRY = 5_000;
/** New addresses that a peer may name within NEWS_SPAN ms: each costs requests at the server and checks to wherever it is. */
const MAX_NEWS = 6;
const NEWS_SPAN = 30_000;
/** Checks whose answers are waited for. */
const MAX_SENT = 16;

/** An address at a TURN server; `gate` is the gate whose server it is, null for another one. */
export interface RelayedAddress extends TransportAddress {
  gate: string | null;
}

/** What an end tells the other. */
export interface RelayOffer extends RelayedAddress {
  /** By which the sender's checks are known, base64url. */
  key: string;
  /** The sender needs the receiver's offer. */
  ask: boolean;
}

export type RelayEvent =
  /** Whether the rung is worth having now. */
  | { kind: "want"; on: boolean }
  /** This node's own address; null while it has none. */
  | { kind: "relay"; relay: RelayedAddress | null }
  /** The peer's sealed word. */
  | { kind: "offered"; offer: RelayOffer }
  /** The server lets the peer's address through, or says that it never will. */
  | { kind: "permitted"; peer: TransportAddress }
  | { kind: "denied"; peer: TransportAddress }
  /** Something that came from the peer's address. */
  | { kind: "datagram"; bytes: Uint8Array }
  | { kind: "tick" };

export type RelayAction =
  | { kind: "offer"; offer: RelayOffer }
  | { kind: "permit"; peer: TransportAddress }
  | { kind: "forget"; peer: TransportAddress }
  /** To the peer's address. */
  | { kind: "send"; bytes: Uint8Array<ArrayBuffer> }
  /** A packet of WireGuard, as far as one can see. */
  | { kind: "packet"; bytes: Uint8Array }
  | { kind: "up"; rttMs: number }
  | { kind: "down" };

interface Peer {
  address: TransportAddress;
  key: Uint8Array;
}

interface Check {
  sent: Map<string, number>;
  tries: number;
  due: number;
  answeredAt: number | null;
}

export class RelayEnd {
  readonly #crypto: StunCrypto;
  #want = false;
  #own: { relay: RelayedAddress; key: Uint8Array } | null = null;
  #peer: Peer | null = null;
  #check: Check | null = null;
  /** `answers`: the next one is an answer, which asks for none itself. */
  #offers = { tries: 0, due: Infinity, sentAt: -Infinity, answers: false };
  /** When the peer's newest addresses came. */
  #news: number[] = [];
  #out: RelayAction[] = [];

  constructor(o: { crypto: StunCrypto }) {
    this.#crypto = o.crypto;
  }

  get up(): boolean {
    return this.#check !== null && this.#check.answeredAt !== null;
  }

  /** Where packets for the peer go; null while it is not known. */
  get peer(): TransportAddress | null {
    return this.#peer?.address ?? null;
  }

  handle(event: RelayEvent, now: number): RelayAction[] {
    this.#out = [];
    this.#take(event, now);
    this.#step(now);
    return this.#out;
  }

  /** When `tick` is due; null when nothing is waited for. */
  nextDeadline(): number | null {
    const checks = this.#check ? [this.#check.due, ...(this.up ? [this.#check.answeredAt! + CHECK_EXPIRY] : [])] : [];
    const next = Math.min(...checks, this.#want && this.#own ? this.#offers.due : Infinity);
    return Number.isFinite(next) ? next : null;
  }

  #take(event: RelayEvent, now: number): void {
    switch (event.kind) {
      case "want":
        if (event.on === this.#want) return;
        this.#want = event.on;
        if (event.on) return this.#begin(now);
        this.#drop();
        this.#peer = null;
        return;
      case "relay":
        this.#drop();
        // Another address, another key: what an old server has seen is of no use at the new one.
        this.#own = event.relay && { relay: event.relay, key: this.#crypto.random(32) };
        return this.#begin(now);
      case "offered":
        return this.#offered(event.offer, now);
      case "permitted":
        if (!this.#peer || !sameAddress(this.#peer.address, event.peer)) return;
        this.#check = { sent: new Map(), tries: 0, due: now, answeredAt: null };
        return;
      case "denied":
        // It stays denied: only another offer helps.
        if (this.#peer && sameAddress(this.#peer.address, event.peer)) this.#drop();
        return;
      case "datagram":
        return this.#datagram(event.bytes, now);
      case "tick":
        return;
    }
  }

  #begin(now: number): void {
    if (!this.#want || !this.#own) return;
    this.#offers = { ...this.#offers, tries: 0, due: now };
    if (this.#peer) this.#out.push({ kind: "permit", peer: this.#peer.address });
  }

  #offered(offer: RelayOffer, now: number): void {
    const address = usable(offer);
    if (!address) return;
    const key = fromBase64Url(offer.key);
    const old = this.#peer;
    const news = !old || !sameAddress(old.address, address) || toBase64Url(old.key) !== offer.key;
    if (news) {
      this.#news = this.#news.filter((at) => at > now - NEWS_SPAN);
      if (this.#news.length >= MAX_NEWS) return; // who means it says it again
      this.#news.push(now);
      this.#drop();
      this.#peer = { address, key };
      if (this.#want && this.#own) this.#out.push({ kind: "permit", peer: this.#peer.address });
    } else if (this.#check && !this.up) this.#check = { ...this.#check, tries: 0, due: now };
    const due = this.#offers.sentAt + ANSWER_AGAIN;
    if (offer.ask && due < this.#offers.due) this.#offers = { ...this.#offers, due, answers: true };
  }

  #step(now: number): void {
    const check = this.#check;
    if (check && this.up && now - check.answeredAt! >= CHECK_EXPIRY) {
      this.#out.push({ kind: "down" });
      this.#check = { sent: new Map(), tries: 0, due: now, answeredAt: null };
      this.#offers = { ...this.#offers, tries: 0, due: now };
    }
    if (!this.#want || !this.#own) return;
    if (this.#check && this.#check.due <= now) this.#sendCheck(this.#check, now);
    if (this.#offers.due <= now) this.#offer(this.#own, now);
  }

  #offer({ relay, key }: { relay: RelayedAddress; key: Uint8Array }, now: number): void {
    const { gate, address, port } = relay;
    const { tries, answers } = this.#offers;
    const wait = OFFER_WAITS[Math.min(tries, OFFER_WAITS.length - 1)]!;
    this.#offers = { tries: tries + 1, due: this.up ? Infinity : now + wait, sentAt: now, answers: false };
    const ask = !answers && !this.up;
    this.#out.push({ kind: "offer", offer: { gate, address, port, key: toBase64Url(new Uint8Array(key)), ask } });
  }

  #sendCheck(check: Check, now: number): void {
    const transaction = this.#crypto.random(12);
    if (check.sent.size >= MAX_SENT) check.sent.delete(check.sent.keys().next().value!);
    check.sent.set(transaction.toString(), now);
    check.due = now + (this.up ? CHECK_RETRY : CHECK_WAITS[Math.min(check.tries++, CHECK_WAITS.length - 1)]!);
    this.#send({ class: "request", transaction, key: this.#own!.key, fields: [] });
  }

  #send(o: { class: "request" | "success"; transaction: Uint8Array; key: Uint8Array; fields: StunFields }): void {
    const integrity = { key: o.key, crypto: this.#crypto, algorithm: "sha256" as const };
    const { transaction, fields } = o;
    this.#out.push({
      kind: "send",
      bytes: encodeStun({ class: o.class, transaction, fields, integrity, fingerprint: true }),
    });
  }

  #datagram(bytes: Uint8Array, now: number): void {
    if (!isStun(bytes)) return void this.#out.push({ kind: "packet", bytes });
    if (!this.#own || !this.#peer) return;
    const message = tryDecodeStun(bytes);
    if (message === null) return;
    const holds = (key: Uint8Array) => verifyIntegrity(message, { key, crypto: this.#crypto }) !== null;
    const { transaction } = message;
    if (message.class === "request" && holds(this.#peer.key)) {
      const fields = [field(XOR_MAPPED_ADDRESS, this.#peer.address)];
      this.#send({ class: "success", transaction, key: this.#peer.key, fields });
      // The peer's check came through: ours may too.
      if (this.#check && !this.up) this.#check.due = now;
    } else if (message.class === "success" && this.#check && holds(this.#own.key)) {
      this.#answered(this.#check, transaction, now);
    }
  }

  #answered(check: Check, transaction: Uint8Array, now: number): void {
    const sentAt = check.sent.get(transaction.toString());
    if (sentAt === undefined) return;
    check.sent.clear();
    const first = check.answeredAt === null;
    check.answeredAt = now;
    check.due = now + CHECK_EVERY;
    if (!first) return;
    this.#offers.due = Infinity;
    this.#out.push({ kind: "up", rttMs: now - sentAt });
  }

  /** The way to the peer's address of before is given up. */
  #drop(): void {
    if (this.up) this.#out.push({ kind: "down" });
    if (this.#peer && this.#own) this.#out.push({ kind: "forget", peer: this.#peer.address });
    this.#check = null;
  }
}

type StunFields = Parameters<typeof encodeStun>[0]["fields"];

/** The one spelling of an address that some server can hold; null for what a peer must not make us handle at all. */
function usable({ address, port }: TransportAddress): TransportAddress | null {
  try {
    const plain = canonical({ address, port });
    return isUsable(plain.address) ? plain : null;
  } catch (error) {
    if (error instanceof GhostError) return null;
    throw error;
  }
}
