/**
 * When a peer is guessed for: ordinary checks have had their time, nothing works, one of the two NATs is hard (core/guess/talk.ts
 * asks and answers), and the turn is this peer's. While a guess runs or is waited for, ICE's own failure is kept back, because a
 * restart would change the credentials that the probes carry.
 */
import ipaddr from "ipaddr.js";
import type { IceAgent, IceState } from "../core/ice/mod.ts";
import { goesFirst, GuessTalk, type Say } from "../core/guess/mod.ts";
import type { Join } from "../core/plan/mod.ts";
import type { StunCrypto, TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { SignalBody, WireCandidate } from "../../mesh/wire/signal.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { Guess, type GuessDesk, type Guesser } from "./guess.ts";

type GuessBody = Extract<SignalBody, { t: "guess" | "guess-ask" | "guess-answer" }>;
/** After a hit ICE has this long to make a pair of it. */
const FINISH = 3_000;
/** Addresses that the peer has named. */
const MAX_NAMED = 64;
const LOCAL = new Set(["private", "carrierGradeNat", "linkLocal", "loopback", "unspecified"]);

export interface PeerGuessHost {
  /** The peer's id. */
  id: string;
  desk: GuessDesk;
  crypto: StunCrypto;
  agent: IceAgent;
  send(to: TransportAddress, bytes: Uint8Array): void;
  datagram(from: TransportAddress, bytes: Uint8Array): void;
  signal(body: SignalBody): void;
  /** Somebody sends data to the peer. */
  wanted(): boolean;
  /** The machine is to be brought in line with `join`. */
  changed(): Promise<void>;
  /** A guess has begun: ICE goes on for longer. */
  began(): void;
  /** ICE has failed, and so has the guess. */
  failed(): void;
  note(what: string): void;
  rearm(): void;
  now(): number;
}

export class PeerGuess implements Guesser {
  readonly #o: PeerGuessHost;
  readonly #guess: Guess;
  readonly #talk = new GuessTalk();
  readonly #named = new Map<string, WireCandidate>();
  /** The peer's generation that named them. */
  #namedBy: string | null = null;
  /** ICE has said that it failed, and that is kept back until then; null when it has not. */
  #keptBack: { until: number } | null = null;

  constructor(o: PeerGuessHost) {
    this.#o = o;
    this.#guess = new Guess({
      ...o,
      probe: () => o.agent.probe(),
      recognises: (bytes) => o.agent.recognises(bytes),
      tell: ({ address, row }) => {
        this.#talk.count("opened", o.now());
        o.signal({ t: "guess", ufrag: o.agent.local.ufrag, address, row });
      },
      joined: () => {
        const { join } = this.#guess;
        o.note(join ? `guess: hit, port ${join.port} joined` : "guess: joined port given back");
        return o.changed();
      },
      ended: () => {
        if (this.#keptBack) this.#keptBack.until = o.now() + (this.#guess.join ? FINISH : 0);
        o.desk.leave(this);
        o.rearm();
      },
    });
  }

  get join(): Join | null {
    return this.#guess.join;
  }

  get wanted(): boolean {
    return this.#o.wanted();
  }

  /** What is being done, for people; null when nothing is. */
  get text(): string | null {
    return this.#guess.text ?? (this.#talk.waits ? "its turn to guess ports is waited for" : null);
  }

  /** Why the peer would not probe, if it has said so. */
  get refusal(): "hard" | "off" | null {
    return this.#talk.refusal;
  }

  /** What the peer has named so far. */
  get remotes(): readonly WireCandidate[] {
    return [...this.#named.values()];
  }

  /** Candidates of the peer's generation `ufrag`: an offer begins one, and what was named before is where the peer was. */
  named(candidates: readonly WireCandidate[], { ufrag, offer }: { ufrag: string; offer: boolean }): void {
    this.#talk.heard(this.#o.now());
    if (ufrag !== this.#namedBy) {
      if (!offer) return;
      this.#named.clear();
      this.#namedBy = ufrag;
      // A peer that begins anew has dropped its half of a guess: it was started again, or is elsewhere. So that was not in vain.
      if (this.#guess.opening) this.#talk.interrupted("busy", this.#o.now());
      this.#guess.stop();
      // A peer that begins anew while this end checks gets its time for ordinary checks, too.
      if (this.#o.agent.state === "checking") this.#talk.checking(this.#o.now());
    }
    for (const c of candidates) if (this.#named.size < MAX_NAMED) this.#named.set(`${c.address} ${c.port}`, c);
  }

  iceState(state: IceState): void {
    if (state === "checking") {
      this.#keptBack = null; // whose failure that was has gone
      this.#talk.checking(this.#o.now());
    } else if (state === "connected") {
      const { selected } = this.#o.agent.snapshot();
      // What the peer has seen of a joined port says nothing about WireGuard's own.
      if (selected && !this.#guess.join) this.#o.desk.seen(this.#o.id, selected);
      if (this.#guess.probed !== null) this.#o.note(`guess: a path after ${this.#guess.probed} probes`);
      this.#keptBack = null;
      this.#talk.forget();
      this.#leave();
      this.#guess.stop();
    } else this.#talk.stopped({ failed: state === "failed" });
    this.#o.rearm();
  }

  /** ICE has failed. False when that is to be kept back. */
  iceFailed(): boolean {
    if (!this.#guess.running && !this.#talk.waits) return true;
    this.#keptBack = { until: Infinity };
    return false;
  }

  /** Whether a gate sees the peer. */
  seen(there: boolean): void {
    this.#talk.seen(there, this.#o.now());
    this.#o.rearm();
  }

  /** Nothing is waited for any more. */
  #leave(): void {
    if (!this.#guess.running) this.#o.desk.leave(this);
  }

  /** The direct path is dead. */
  lost(): void {
    this.#guess.reset();
  }

  networkChanged(): void {
    this.#guess.reset();
    this.#talk.moved();
    this.#leave();
    this.#named.clear();
    this.#keptBack = null;
  }

  /** An ordinary datagram for the agent. */
  datagram(from: TransportAddress, bytes: Uint8Array): void {
    if (this.#guess.running && this.#o.agent.recognises(bytes)) this.#guess.ordinaryHit(from);
  }

  /** The peer's word about guessing. */
  signal(body: GuessBody): void {
    const { agent, signal } = this.#o;
    this.#talk.heard(this.#o.now());
    switch (body.t) {
      case "guess-ask":
        return signal({ t: "guess-answer", ufrag: body.ufrag, say: this.#reply(body.ufrag) });
      case "guess-answer":
        if (body.ufrag === agent.local.ufrag) this.#answered(body.say);
        return;
      case "guess":
        return this.#told(body);
    }
  }

  /** An end that has begun anew before this one has may have to ask once more. */
  #reply(ufrag: string): Say {
    const { agent, desk, now } = this.#o;
    const ready = agent.remoteUfrag === ufrag && agent.state !== "connected";
    return this.#talk.reply(now(), { enabled: desk.enabled, hardness: desk.hardness, free: ready && desk.free });
  }

  #answered(say: Say): void {
    const { desk, note, now, rearm } = this.#o;
    if (this.#guess.opening) {
      if (say === "yes") return;
      this.#talk.interrupted(say, now());
      this.#guess.stop();
    } else if (this.#talk.answered(say, now())) desk.ask(this);
    if (say === "hard" || say === "off") {
      note(`guess: ${say === "hard" ? "both NATs are hard" : "the peer does not guess"}`);
    }
    this.#settle();
    rearm();
  }

  /** The hard side's word. What is probed is an address that the peer itself has named, and only while nothing else works. */
  #told({ ufrag, address, row }: Extract<GuessBody, { t: "guess" }>): void {
    const { desk, note, began, signal, now } = this.#o;
    if (![...this.#named.values()].some((c) => c.type === "srflx" && c.address === address)) return;
    const say = this.#reply(ufrag);
    if (say !== "yes") return signal({ t: "guess-answer", ufrag, say });
    desk.seize(this);
    this.#guess.probe({ address, row });
    this.#talk.count("probed", now());
    note(`guess: probing ${address}${row ? `, first from port ${row.from}` : ""}`);
    began();
  }

  /** The turn is this peer's: everything that a guess needs may have gone meanwhile. */
  turn(): void {
    if (!this.#talk.begins(this.#o.now())) return this.#o.rearm();
    void this.#open().catch((error) => this.#o.note(`guess: ${errorLine(error)}`)).finally(() => {
      if (!this.#guess.running) {
        if (this.#o.agent.state === "checking") this.#talk.again(this.#o.now());
        this.#o.desk.leave(this);
      }
      this.#settle();
      this.#o.rearm();
    });
  }

  async #open(): Promise<void> {
    const { agent, desk, note, began } = this.#o;
    const target = this.#target();
    const { server } = desk;
    if (!target || !server || !desk.enabled || (agent.state !== "checking" && !this.#keptBack)) return;
    if (!await this.#guess.open({ target, server })) return;
    note(`guess: ${this.#guess.text}`);
    began();
  }

  /** Neither the turn nor ICE's failure is kept for nothing. */
  #settle(): void {
    if (!this.#talk.inLine) this.#leave();
    if (this.#keptBack?.until !== Infinity || this.#guess.running || this.join || this.#talk.waits) return;
    this.#keptBack.until = this.#o.now();
  }

  #target(): TransportAddress | null {
    const v4 = [...this.#named.values()].filter((c) => !c.address.includes(":"));
    const found = v4.findLast((c) => c.type === "srflx") ??
      v4.find((c) => c.type === "host" && !LOCAL.has(ipaddr.parse(c.address).range()));
    return found ? { address: found.address, port: found.port } : null;
  }

  tick(): void {
    const now = this.#o.now();
    const { agent, desk, signal } = this.#o;
    const first = () =>
      goesFirst(
        { ufrag: agent.local.ufrag, candidates: agent.candidates() },
        { ufrag: agent.remoteUfrag ?? "", candidates: this.remotes },
      );
    if (this.#talk.tick(now, { hardness: desk.hardness, first }) && desk.enabled && this.#target()) {
      signal({ t: "guess-ask", ufrag: agent.local.ufrag });
    }
    if (this.#talk.gone && this.#guess.running) {
      this.#o.note("guess: ended, the peer has gone");
      this.#guess.stop();
    }
    this.#guess.tick();
    this.#settle();
    if (this.#keptBack && this.#keptBack.until <= now) {
      this.#keptBack = null;
      this.#guess.reset();
      this.#o.note("guess: in vain");
      this.#o.failed();
    }
  }

  nextDeadline(): number | null {
    const all = [this.#talk.nextDeadline(), this.#guess.nextDeadline(), this.#keptBack?.until].filter((d) =>
      d !== null && d !== undefined
    );
    const next = Math.min(...all);
    return Number.isFinite(next) ? next : null;
  }

  close(): void {
    this.#talk.forget();
    this.#leave();
    this.#guess.close();
  }
}
