/**
 * One end of a lane (rung 2): asks the gate for it, proves its own addresses there (mesh/wire/lane.ts), and checks the lane end to
 * end with STUN that the gate cannot make (credentials come sealed from the peer), from WireGuard's own port. A lane is up from
 * the first answered check on and down when checks stay unanswered; the gate's word alone opens nothing.
 *
 * The end with the smaller id leads: it picks the gate and tells the peer. Both ask, so neither can be drawn into one.
 * An attempt that came to nothing is made again with growing waits.
 */
import { equalBytes } from "../../../mesh/wire/encoding.ts";
import type { LaneEnd as EndNumber } from "../../../mesh/wire/gate_session.ts";
import { decodeLaneAnswer, encodeLaneRequest, laneTransaction } from "../../../mesh/wire/lane.ts";
import { Hold } from "../path/hold.ts";
import { LaneCheck } from "./lane_check.ts";
import {
  decodeStun,
  familyOf,
  field,
  isStun,
  type StunCrypto,
  type TransportAddress,
  USERNAME,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";
import { filled, LaneWidth } from "./lane_width.ts";

/** Where a gate can be reached, at most one address a family. */
export interface LaneGate {
  id: string;
  addresses: string[];
}

export type LaneEvent =
  /** Whether a lane is worth having now. */
  | { kind: "want"; on: boolean }
  /**
   * The gate where both have a session; null while there is none, which leaves a lane that works alone. In a `fresh` session it is
   * asked again for a lane that there is: a gate that has started anew knows nothing of it.
   */
  | { kind: "gate"; gate: LaneGate | null; fresh: boolean }
  /** The peer's sealed word. */
  | { kind: "offered"; gate: string; ufrag: string; pwd: string }
  /** What the gate says. */
  | { kind: "granted"; port: number; end: EndNumber; token: Uint8Array }
  | { kind: "ready"; port: number; family: 4 | 6 }
  /** There is none any more; one that nobody misses is asked for again when it is wanted anew, and not before. */
  | { kind: "ended"; missed: boolean }
  | { kind: "datagram"; from: TransportAddress; bytes: Uint8Array }
  /** Whether somebody sends data; until it is said, somebody does. */
  | { kind: "busy"; busy: boolean }
  /** Whether the gate leaves questions over its session unanswered. */
  | { kind: "gateDoubted"; on: boolean }
  /** Addresses of this machine changed: prove them at once. */
  | { kind: "networkChanged" }
  | { kind: "tick" };

export type LaneAction =
  | { kind: "ask"; want: boolean }
  | { kind: "offer"; gate: string; ufrag: string; pwd: string }
  /** Requests for this user name fragment are this lane's. */
  | { kind: "listen"; ufrag: string }
  | { kind: "send"; to: TransportAddress; bytes: Uint8Array }
  | { kind: "up"; remote: TransportAddress; rttMs: number }
  | { kind: "down" }
  /** The attempt or the lane fails because the tunnel's longest packets do not come through. */
  | { kind: "narrow" };

/** Times in ms. */
const ASK_WAITS = [1_000, 2_000, 4_000, 8_000];
const PROVE_WAITS = [100, 200, 400, ...Array<number>(12).fill(500)];
/** Between proofs that only keep what is proved. */
const REPROVE = 20_000;
/** An attempt that is not up after this, in ms, has failed. */
const PATIENCE = 12_000;
const RETRY = { firstMs: 15_000, longestMs: 600_000, healthyMs: 60_000 };

interface Proof {
  to: TransportAddress;
  nonce: Uint8Array | undefined;
  transactions: string[];
  tries: number;
  due: number;
}

interface Grant {
  port: number;
  end: EndNumber;
  token: Uint8Array;
  proofs: Proof[];
}

export class LaneEnd {
  readonly #leads: boolean;
  readonly #crypto: StunCrypto;
  readonly #retry = new Hold(RETRY);
  #want = false;
  #gate: LaneGate | null = null;
  #offer: { gate: string; ufrag: string; pwd: string } | null = null;
  #asked: { tries: number; due: number; since: number } | null = null;
  #grant: Grant | null = null;
  #check: LaneCheck | null = null;
  readonly #width: LaneWidth;
  #busy = true;
  #out: LaneAction[] = [];

  /** @param o.size bytes of the longest datagram that WireGuard sends */
  constructor(o: { leads: boolean; size: number; crypto: StunCrypto }) {
    this.#leads = o.leads;
    this.#width = new LaneWidth(o.size);
    this.#crypto = o.crypto;
  }

  /** True from the first answered check on. */
  get up(): boolean {
    return this.#check?.up ?? false;
  }

  handle(event: LaneEvent, now: number): LaneAction[] {
    this.#out = [];
    this.#take(event, now);
    this.#step(now);
    return this.#out;
  }

  nextDeadline(): number | null {
    const dues = [
      ...(this.#mayAsk ? [this.#asked?.due ?? this.#retry.until] : []),
      ...(this.#asked && !this.up ? [this.#asked.since + PATIENCE] : []),
      ...(this.#grant?.proofs.map((p) => p.due) ?? []),
      ...(this.#check ? [this.#check.due] : []),
    ].filter(Number.isFinite);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  /** This end has all it needs to ask the gate, and no grant yet. */
  get #mayAsk(): boolean {
    if (!this.#want || !this.#gate || this.#grant) return false;
    return this.#leads || this.#offer?.gate === this.#gate.id;
  }

  #take(event: LaneEvent, now: number): void {
    switch (event.kind) {
      case "want":
        if (this.#want && !event.on) this.#stop(true);
        this.#want = event.on;
        return;
      case "gate":
        this.#gate = event.gate;
        // What failed has most likely failed with the session before.
        if (event.fresh) this.#retry.lift();
        if (event.fresh && this.#grant && event.gate?.id === this.#offer?.gate) this.#ask(true);
        return;
      case "offered":
        if (this.#leads) return;
        if (this.#offer?.ufrag === event.ufrag) return;
        this.#offer = { gate: event.gate, ufrag: event.ufrag, pwd: event.pwd };
        this.#out.push({ kind: "listen", ufrag: this.#ufrag("own") });
        // The end that leads says when it is tried again: two waits of their own would never meet.
        this.#retry.lift();
        this.#check?.anew(now);
        return;
      case "busy":
        this.#busy = event.busy;
        return this.#check?.busy(event.busy, now);
      case "gateDoubted":
        return this.#check?.doubt(event.on, now);
      case "granted":
        return this.#granted(event, now);
      case "ready":
        return this.#ready(event, now);
      case "ended":
        if (!event.missed) {
          this.#want = false;
          this.#stop(false);
        } else if (this.#asked || this.#grant) this.#failed(now);
        return;
      case "datagram":
        return this.#datagram(event.from, event.bytes, now);
      case "networkChanged":
        this.#retry.reset();
        this.#width.doubt();
        this.#check?.anew(now);
        return this.#proveAnew(now);
      case "tick":
        return;
    }
  }

  #granted({ port, end, token }: LaneEvent & { kind: "granted" }, now: number): void {
    if (!this.#want || !this.#gate) return this.#ask(false);
    if (this.#grant?.port === port && equalBytes(this.#grant.token, token)) return;
    if (this.#grant) {
      this.#drop();
      this.#asked = null;
    }
    const proofs = this.#gate.addresses.map((address): Proof => (
      { to: { address, port }, nonce: undefined, transactions: [], tries: 0, due: now }
    ));
    this.#grant = { port, end, token, proofs };
    this.#asked ??= { tries: 0, due: Infinity, since: now };
  }

  #ready({ port, family }: LaneEvent & { kind: "ready" }, now: number): void {
    const proof = this.#grant?.port === port && this.#grant.proofs.find((p) => familyOf(p.to.address) === family);
    if (!proof || this.#check?.remote.address === proof.to.address) return;
    if (this.up) this.#out.push({ kind: "down" });
    this.#check = new LaneCheck({ remote: proof.to, crypto: this.#crypto, now });
    this.#width.doubt();
  }

  #step(now: number): void {
    if (this.#asked && !this.up && now - this.#asked.since >= PATIENCE) this.#failed(now);
    if (this.#mayAsk && (this.#asked ? this.#asked.due <= now : !this.#retry.holds(now))) this.#askNow(now);
    for (const proof of this.#grant?.proofs ?? []) if (proof.due <= now) this.#prove(this.#grant!, proof, now);
    if (this.#check) this.#sendCheck(this.#check, now);
  }

  #askNow(now: number): void {
    this.#asked ??= { tries: 0, due: now, since: now };
    const wait = ASK_WAITS[Math.min(this.#asked.tries++, ASK_WAITS.length - 1)]!;
    this.#asked.due = now + wait;
    if (this.#leads) {
      if (this.#asked.tries === 1 || this.#offer?.gate !== this.#gate!.id) {
        const random = (size: number) => this.#crypto.random(size).toHex();
        this.#offer = { gate: this.#gate!.id, ufrag: random(8), pwd: random(16) };
        this.#out.push({ kind: "listen", ufrag: this.#ufrag("own") });
      }
      this.#out.push({ kind: "offer", ...this.#offer });
    }
    this.#ask(true);
  }

  #ask(want: boolean): void {
    this.#out.push({ kind: "ask", want });
  }

  #proveAnew(now: number): void {
    for (const proof of this.#grant?.proofs ?? []) Object.assign(proof, { tries: 0, due: now });
  }

  #prove(grant: Grant, proof: Proof, now: number): void {
    const transaction = laneTransaction(grant.port, this.#crypto.random(6));
    proof.transactions = [...proof.transactions.slice(-3), transaction.toString()];
    const request = { end: grant.end, transaction, ...(proof.nonce && { nonce: proof.nonce }) };
    const wait = PROVE_WAITS[proof.tries++];
    // A family in which nothing comes back is tried now and then: the machine may get an address of it.
    proof.due = now + (wait ?? REPROVE);
    if (wait === undefined) proof.tries = 0;
    this.#out.push({
      kind: "send",
      to: proof.to,
      bytes: encodeLaneRequest(request, grant.token, this.#crypto.hmacSha256),
    });
  }

  #sendCheck(check: LaneCheck, now: number): void {
    if (!this.#offer) return check.wait(); // the peer's offer is still to come
    const transaction = check.step(now);
    if (transaction === null) return;
    if (transaction === "lost") return this.#failed(now);
    const username = `${this.#ufrag("peer")}:${this.#ufrag("own")}`;
    for (const { transaction: id, size } of this.#width.checks(transaction, () => this.#crypto.random(12))) {
      const fields = [field(USERNAME, username)];
      const integrity = this.#integrity;
      const bytes = filled({ class: "request", transaction: id, fields, integrity, fingerprint: true }, size);
      this.#out.push({ kind: "send", to: check.remote, bytes });
    }
    // The NAT may have forgotten us: the gate knows no other address until it is proved.
    if (check.doubted) this.#proveAnew(now);
  }

  #datagram(from: TransportAddress, bytes: Uint8Array, now: number): void {
    const grant = this.#grant;
    const proof = grant?.proofs.find((p) => p.to.address === from.address && p.to.port === from.port);
    if (!grant || !proof) return;
    const answer = decodeLaneAnswer(bytes, grant.token, this.#crypto.hmacSha256);
    if (answer) {
      if (!proof.transactions.includes(answer.transaction.toString())) return;
      proof.tries = 0;
      if (answer.kind === "nonce") {
        proof.nonce = answer.nonce;
        proof.due = now;
      } else proof.due = now + REPROVE;
      return;
    }
    if (!this.#offer || !isStun(bytes)) return;
    const message = decodeStun(bytes);
    if (!verifyIntegrity(message, { key: this.#key, crypto: this.#crypto })) return;
    if (message.class === "request") {
      const { transaction } = message;
      const fields = [field(XOR_MAPPED_ADDRESS, from)];
      const answer = { class: "success" as const, transaction, fields, integrity: this.#integrity, fingerprint: true };
      this.#out.push({ kind: "send", to: from, bytes: filled(answer, bytes.length) });
      // The peer's check came through: ours may too.
      this.#check?.again(now);
    } else if (message.class === "success" && this.#check && this.#width.answered(message.transaction)) {
      this.#answered(this.#check, message.transaction, now);
    }
  }

  #answered(check: LaneCheck, transaction: Uint8Array, now: number): void {
    const rttMs = check.answered(transaction, { busy: this.#busy, now });
    if (rttMs === null) return;
    this.#retry.up(now);
    this.#out.push({ kind: "up", remote: check.remote, rttMs });
  }

  /** The attempt or the lane has come to an end that nobody here wanted. */
  #failed(now: number): void {
    this.#retry.fail(now);
    if (this.#check && this.#width.narrow) this.#out.push({ kind: "narrow" });
    this.#stop(this.#grant !== null || this.#asked !== null);
  }

  #stop(tell: boolean): void {
    if (tell && (this.#asked || this.#grant)) this.#ask(false);
    this.#drop();
    this.#asked = null;
    if (!this.#leads) this.#offer = null;
  }

  #drop(): void {
    if (this.up) this.#out.push({ kind: "down" });
    this.#grant = null;
    this.#check = null;
  }

  /** The leader is "1": so a check cannot be turned back to who sent it. */
  #ufrag(whose: "own" | "peer"): string {
    return `${this.#offer!.ufrag}${(whose === "own") === this.#leads ? "1" : "2"}`;
  }

  get #key(): Uint8Array {
    return new TextEncoder().encode(this.#offer!.pwd);
  }

  get #integrity(): { key: Uint8Array; crypto: StunCrypto; algorithm: "sha256" } {
    return { key: this.#key, crypto: this.#crypto, algorithm: "sha256" };
  }
}
