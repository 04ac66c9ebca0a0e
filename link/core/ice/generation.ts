/**
 * One generation of ICE: a pair of credentials, its checks, its nomination, its consent. An ICE restart makes a new one and
 * keeps the old one answering until the new one has found a pair.
 */
import type { WireCandidate } from "../../../mesh/wire/signal.ts";
import { canonical, isUsable, sameAddress, type TransportAddress } from "../../../mesh/wire/stun/address.ts";
import type { StunCrypto } from "../../../mesh/wire/stun/crypto.ts";
import type { StunMessage } from "../../../mesh/wire/stun/message.ts";
import { candidatePriority, type LocalCandidate } from "./candidate.ts";
import {
  type Credentials,
  encodeCheck,
  encodeConflict,
  encodeSuccess,
  type IncomingCheck,
  newCredentials,
  readAnswer,
  readCheck,
  receiverOf,
  type Role,
} from "./check.ts";
import { Checklist } from "./checklist.ts";
import { Consent } from "./consent.ts";
import { Nomination } from "./nomination.ts";
import { type Pair, pairPriority } from "./pair.ts";
import { type IceTiming, MAX_EARLY, NOMINATION_PATIENCE, PATIENCE } from "./timing.ts";
import { Transactions } from "./transactions.ts";

/** What the generations of an agent share, and whom they report to. */
export interface GenerationContext {
  readonly crypto: StunCrypto;
  readonly timing: IceTiming;
  /** One object for all generations: a role conflict changes it for all. */
  readonly role: Role;
  /** Somebody sends data to the peer. */
  busy(): boolean;
  /** Whether a path to this address may be used at all. */
  accept(address: string): boolean;
  send(from: TransportAddress, to: TransportAddress, bytes: Uint8Array): void;
  selected(generation: Generation, pair: Pair): void;
  consentDoubted(): void;
  /** `selected` may follow as long as the generation is not `gone`. */
  consentLost(): void;
  /** The lost pair did not come back. */
  gone(generation: Generation): void;
  failed(generation: Generation): void;
}

interface EarlyCheck {
  check: IncomingCheck;
  from: TransportAddress;
  to: TransportAddress | null;
}

export class Generation {
  readonly local: Credentials;
  readonly checklist = new Checklist();
  readonly #context: GenerationContext;
  readonly #transactions = new Transactions();
  readonly #nomination: Nomination;
  #remote: Credentials | null = null;
  #selected: Pair | null = null;
  #consent: Consent | null = null;
  #early: EarlyCheck[] = [];
  #nextSlot = 0;
  #givenUpAt: number | null = null;
  #lastNomination = -1;

  constructor(context: GenerationContext, local = newCredentials(context.crypto)) {
    this.#context = context;
    this.local = local;
    this.#nomination = new Nomination(context.timing.nominationWaitMs);
  }

  get remote(): Credentials | null {
    return this.#remote;
  }

  /** The pair that carries data, or did so until its consent was lost a moment ago. */
  get selected(): Pair | null {
    return this.#selected;
  }

  /** There is a selected pair, with consent. */
  get connected(): boolean {
    return this.#selected !== null && this.#consent?.lost === false;
  }

  addLocal(candidate: LocalCandidate, now: number): void {
    this.checklist.addLocal(candidate, now);
    this.checklist.prune(this.#context.role.controlling);
  }

  addRemote(candidate: WireCandidate, now: number): void {
    const at = canonical(candidate, "candidate");
    if (!isUsable(at.address) || !this.#context.accept(at.address)) return;
    this.checklist.addRemote({ type: candidate.type, at, priority: candidate.priority }, now);
    this.checklist.prune(this.#context.role.controlling);
  }

  /** The peer's half of the generation is known: checks may go, and those that came early count now. */
  setRemote(remote: Credentials, now: number): void {
    this.#remote = { ufrag: remote.ufrag, pwd: remote.pwd };
    this.#givenUpAt = now + PATIENCE;
    this.checklist.start(now);
    const early = this.#early;
    this.#early = [];
    for (const { check, from, to } of early) if (check.sender === remote.ufrag) this.#checked(check, from, to, now);
  }

  /** Whether this generation waits for the answer with this transaction id. */
  awaits(transaction: Uint8Array): boolean {
    return this.#transactions.has(transaction);
  }

  /** A request that names this generation. @throws GhostError `bad_input` when it is malformed */
  request(message: StunMessage, from: TransportAddress, to: TransportAddress | null, now: number): void {
    const { crypto, role } = this.#context;
    const base = this.checklist.baseOf(to, from);
    const respond = (bytes: Uint8Array) => {
      const source = to ?? base;
      if (source) this.#context.send(source, from, bytes);
    };
    const check = readCheck(message, { local: this.local, crypto });
    if ("error" in check) return respond(check.answer);
    if (this.#remote && this.#remote.ufrag !== check.sender) return;
    if (check.role?.controlling === role.controlling) {
      // Section 7.3.1.1: the larger tie-breaker controls.
      const wins = role.tieBreaker >= check.role.tieBreaker;
      if (wins === role.controlling) return respond(encodeConflict(check, { local: this.local, crypto }));
      this.#takeRole(!role.controlling);
    }
    respond(encodeSuccess(check, { from, local: this.local, crypto }));
    if (this.#remote) this.#checked(check, from, to, now);
    else if (this.#early.length < MAX_EARLY) this.#early.push({ check, from, to });
  }

  #takeRole(controlling: boolean): void {
    this.#context.role.controlling = controlling;
    this.#nomination.cancel();
  }

  /** An authentic check has come: learn the peer's address from it, check back, follow its nomination. */
  #checked(check: IncomingCheck, from: TransportAddress, to: TransportAddress | null, now: number): void {
    const base = this.checklist.baseOf(to, from);
    if (base === null) return;
    if (!this.checklist.find(base, from)) {
      this.checklist.addRemote({ type: "prflx", at: from, priority: check.priority }, now, base);
      this.checklist.prune(this.#context.role.controlling);
    }
    const pair = this.checklist.find(base, from);
    if (pair === undefined) return;
    if (pair === this.#selected) this.#consent?.asked(now);
    const { controlling } = this.#context.role;
    if (!controlling && check.nominates) this.#follow(pair, check.nomination, now);
    const worse = controlling && this.#selected !== null && this.connected &&
      pairPriority(pair, controlling) < pairPriority(this.#selected, controlling);
    if (!worse) this.checklist.trigger(pair, now);
  }

  #follow(pair: Pair, counter: number | null, now: number): void {
    if (counter !== null) {
      if (counter < this.#lastNomination) return;
      this.#lastNomination = counter;
    }
    for (const other of this.checklist.pairs) other.nominated = other === pair;
    if (pair.state === "succeeded") this.#select(pair, now);
  }

  #select(pair: Pair, now: number): void {
    if (this.#selected === pair) return;
    const { controlling } = this.#context.role;
    const { crypto, timing } = this.#context;
    this.#selected = pair;
    this.#givenUpAt = null;
    const random = () => new DataView(crypto.random(4).slice().buffer).getUint32(0) / 2 ** 32;
    this.#consent = new Consent({ timing: timing.consent, random, now });
    this.#consent.busy(this.#context.busy(), now);
    if (controlling) {
      // The controlled side goes on for its ten seconds: it can't know which pair is still hoped for.
      for (const other of this.checklist.pairs) {
        if (other.state === "succeeded" || pairPriority(other, true) > pairPriority(pair, true)) continue;
        other.state = "failed";
        other.due = Infinity;
      }
    }
    this.#context.selected(this, pair);
  }

  /** An answer to one of this generation's checks. @throws GhostError `bad_input` when it is malformed */
  response(message: StunMessage, from: TransportAddress, now: number): void {
    const open = this.#transactions.get(message.transaction, now);
    if (open === null || this.#remote === null || !sameAddress(open.pair.remote.at, from)) return;
    const answer = readAnswer(message, { remote: this.#remote, crypto: this.#context.crypto });
    if (answer === null) return;
    this.#transactions.done(message.transaction);
    const { pair } = open;
    if ("error" in answer) {
      if (answer.error === 487) this.#conflict(pair, open.controlling, now);
      return;
    }
    const rtt = Math.max(0, now - open.at);
    pair.newestRttMs = rtt;
    pair.answeredAt = now;
    pair.rttMs = pair.rttMs === null ? rtt : pair.rttMs * 0.75 + rtt * 0.25;
    pair.mapped = answer.mapped;
    if (pair.state !== "succeeded") {
      pair.state = "succeeded";
      pair.triggered = false;
      pair.due = Infinity;
      if (pair.nominated) this.#select(pair, now);
    }
    if (pair === this.#selected && this.#consent?.answered(now)) this.#context.selected(this, pair);
    if (open.nomination !== undefined && this.#nomination.confirmed(open.nomination)) this.#select(pair, now);
    this.#nominate(now);
  }

  /** Section 7.2.5.1: the other end insists on the role that this check claimed. */
  #conflict(pair: Pair, claimed: boolean, now: number): void {
    const { role, crypto } = this.#context;
    if (claimed === role.controlling) {
      this.#takeRole(!claimed);
      role.tieBreaker = new DataView(crypto.random(8).slice().buffer).getBigUint64(0);
    }
    this.checklist.trigger(pair, now);
  }

  /** Something that only the peer can have made came over the selected pair. */
  consentHint(now: number): void {
    this.#consent?.hint(now);
  }

  /** Somebody sends data over the selected pair, or no longer. */
  busy(busy: boolean, now: number): void {
    this.#consent?.busy(busy, now);
  }

  tick(now: number): void {
    this.#tickConsent(now);
    this.#nominate(now);
    while (this.#remote && this.#nextSlot <= now) {
      const pair = this.checklist.next(now, this.#context.role.controlling);
      if (pair === undefined) break;
      if (!this.checklist.advance(pair, now)) continue;
      this.#check(pair, now);
      this.#nextSlot = now + this.#context.timing.paceMs;
    }
    if (this.#failsAt() <= now) {
      this.#givenUpAt = null;
      this.#context.failed(this);
    }
  }

  #tickConsent(now: number): void {
    if (this.#consent === null || this.#selected === null) return;
    const { lost } = this.#consent;
    const step = this.#consent.step(now);
    if (step === "check") {
      const { rttMs, newestRttMs } = this.#selected;
      const doubted = this.#consent.sent(now, Math.max(rttMs ?? 0, newestRttMs ?? 0));
      this.#check(this.#selected, now);
      if (doubted) this.#doubted(this.#selected, now);
    } else if (step === "lost") {
      this.#context.consentLost();
    } else if (step === "gone") {
      this.#selected.state = "failed";
      this.#selected.nominated = false;
      this.#selected = null;
      this.#consent = null;
      this.#givenUpAt = now + NOMINATION_PATIENCE;
      if (!lost) this.#context.consentLost();
      this.#context.gone(this);
    }
  }

  /** A NAT may give an end another address: what is another pair to the peer of that end, it has found by its checks meanwhile. */
  #doubted(selected: Pair, now: number): void {
    this.#context.consentDoubted();
    const alive = this.checklist.pairs.filter((p) => p.state === "succeeded" && p.answeredAt > selected.answeredAt);
    const [other] = alive.sort((a, b) => b.answeredAt - a.answeredAt);
    if (!other) return;
    if (this.#context.role.controlling) this.#nomination.instead(other, now);
    else this.#select(other, now);
  }

  #nominate(now: number): void {
    if (!this.#context.role.controlling || this.#remote === null) return;
    this.#nomination.consider(this.checklist.pairs, this.#selected, now);
    const due = this.#nomination.step(this.#selected, now);
    if (due) this.#check(due.pair, now, due.counter);
  }

  #check(pair: Pair, now: number, nomination?: number): void {
    const { crypto, role } = this.#context;
    const transaction = crypto.random(12);
    this.#transactions.add(transaction, { pair, at: now, controlling: role.controlling, nomination });
    const bytes = this.#encode(transaction, this.#remote!, { preference: pair.base.preference, nomination });
    this.#context.send(pair.base.at, pair.remote.at, bytes);
  }

  #encode(
    transaction: Uint8Array,
    remote: Credentials,
    o: { preference: number; nomination: number | undefined },
  ): Uint8Array {
    const { crypto, role } = this.#context;
    return encodeCheck({
      transaction,
      local: this.local,
      remote,
      role,
      priority: candidatePriority("prflx", o.preference),
      ...(o.nomination === undefined ? {} : { nomination: o.nomination }),
    }, crypto);
  }

  /** A check that belongs to no pair, for ports that are guessed; its answer is not waited for. Null before the peer's half. */
  probe(): Uint8Array | null {
    if (this.#remote === null) return null;
    return this.#encode(this.#context.crypto.random(12), this.#remote, { preference: 0, nomination: undefined });
  }

  /** Whether these bytes are an authentic check of the peer for this generation. @throws GhostError `bad_input` */
  recognises(message: StunMessage): boolean {
    if (message.class !== "request" || receiverOf(message) !== this.local.ufrag) return false;
    const check = readCheck(message, { local: this.local, crypto: this.#context.crypto });
    return !("error" in check) && check.sender === this.#remote?.ufrag;
  }

  /** When this generation is given up; Infinity while there is hope, or nobody to tell. */
  #failsAt(): number {
    if (this.#givenUpAt === null || this.#selected || this.#nomination.running) return Infinity;
    const pairs = this.checklist.pairs;
    if (pairs.some((pair) => pair.state === "waiting" || pair.state === "inProgress")) return Infinity;
    return this.#givenUpAt + (pairs.some((pair) => pair.state === "succeeded") ? NOMINATION_PATIENCE : 0);
  }

  nextDeadline(): number | null {
    const due = this.#remote === null ? null : this.checklist.nextDue();
    const nomination = this.#context.role.controlling ? this.#nomination.nextDeadline() : null;
    const consent = this.#consent?.due;
    const checks = due === null ? null : Math.max(due, this.#nextSlot);
    const next = Math.min(nomination ?? Infinity, consent ?? Infinity, checks ?? Infinity, this.#failsAt());
    return Number.isFinite(next) ? next : null;
  }
}
