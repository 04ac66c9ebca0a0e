/**
 * When a peer is guessed for: ordinary checks have had their time, nothing works, and one of the two NATs is hard. While a guess
 * runs, ICE's own failure is kept back, because a restart would change the credentials that the probes carry.
 */
import ipaddr from "ipaddr.js";
import type { IceAgent, IceState } from "../core/ice/mod.ts";
import { GUESS_AFTER } from "../core/guess/mod.ts";
import type { Join } from "../core/plan/mod.ts";
import type { StunCrypto, TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { SignalBody, WireCandidate } from "../../mesh/wire/signal.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { Guess, type GuessDesk } from "./guess.ts";

/** After a hit ICE has this long to make a pair of it. */
const FINISH = 3_000;
/** Addresses that the peer has named. */
const MAX_NAMED = 64;
const LOCAL = new Set(["private", "carrierGradeNat", "linkLocal", "loopback", "unspecified"]);

export interface PeerGuessHost {
  desk: GuessDesk;
  crypto: StunCrypto;
  agent: IceAgent;
  send(to: TransportAddress, bytes: Uint8Array): void;
  datagram(from: TransportAddress, bytes: Uint8Array): void;
  signal(body: SignalBody): void;
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

export class PeerGuess {
  readonly #o: PeerGuessHost;
  readonly #guess: Guess;
  readonly #named = new Map<string, WireCandidate>();
  /** The peer's generation that named them. */
  #namedBy: string | null = null;
  /** When a guess may begin; null while it would be of no use. */
  #due: number | null = null;
  /** ICE has said that it failed, and that is kept back until then; null when it has not. */
  #keptBack: { until: number } | null = null;

  constructor(o: PeerGuessHost) {
    this.#o = o;
    this.#guess = new Guess({
      ...o,
      probe: () => o.agent.probe(),
      recognises: (bytes) => o.agent.recognises(bytes),
      tell: ({ address, row }) => o.signal({ t: "guess", ufrag: o.agent.local.ufrag, address, row }),
      joined: () => {
        const { join } = this.#guess;
        o.note(join ? `guess: hit, port ${join.port} joined` : "guess: joined port given back");
        return o.changed();
      },
      ended: () => {
        if (this.#keptBack) this.#keptBack.until = o.now() + (this.#guess.join ? FINISH : 0);
        o.rearm();
      },
    });
  }

  get join(): Join | null {
    return this.#guess.join;
  }

  get text(): string | null {
    return this.#guess.text;
  }

  /** What the peer has named so far. */
  get remotes(): readonly WireCandidate[] {
    return [...this.#named.values()];
  }

  /** Candidates of the peer's generation `ufrag`: an offer begins one, and what was named before is where the peer was. */
  named(candidates: readonly WireCandidate[], { ufrag, offer }: { ufrag: string; offer: boolean }): void {
    if (ufrag !== this.#namedBy) {
      if (!offer) return;
      this.#named.clear();
      this.#namedBy = ufrag;
    }
    for (const c of candidates) if (this.#named.size < MAX_NAMED) this.#named.set(`${c.address} ${c.port}`, c);
  }

  iceState(state: IceState): void {
    this.#due = state === "checking" ? this.#o.now() + GUESS_AFTER : null;
    if (state === "connected") {
      this.#keptBack = null;
      this.#guess.succeeded();
    }
    this.#o.rearm();
  }

  /** ICE has failed. False when that is to be kept back. */
  iceFailed(): boolean {
    if (!this.#guess.running) return true;
    this.#keptBack = { until: Infinity };
    return false;
  }

  /** The direct path is dead. */
  lost(): void {
    this.#guess.reset({ forgive: false });
  }

  networkChanged(): void {
    this.#guess.reset({ forgive: true });
    this.#named.clear();
    this.#keptBack = null;
  }

  /** An ordinary datagram for the agent. */
  datagram(from: TransportAddress, bytes: Uint8Array): void {
    if (this.#guess.running && this.#o.agent.recognises(bytes)) this.#guess.ordinaryHit(from);
  }

  /** The hard side's word. What is probed is an address that the peer itself has named, and only while nothing else works. */
  told({ ufrag, address, row }: Extract<SignalBody, { t: "guess" }>): void {
    const { agent, note, began } = this.#o;
    if (ufrag !== agent.remoteUfrag || agent.state === "connected") return;
    if (![...this.#named.values()].some((c) => c.type === "srflx" && c.address === address)) return;
    if (!this.#guess.probe({ address, row })) return;
    note(`guess: probing ${address}${row ? `, first from port ${row.from}` : ""}`);
    began();
  }

  async #open(): Promise<void> {
    const target = this.#target();
    if (!target || !await this.#guess.open(target)) return;
    this.#o.note(`guess: ${this.#guess.text}`);
    this.#o.began();
  }

  #target(): TransportAddress | null {
    const v4 = [...this.#named.values()].filter((c) => !c.address.includes(":"));
    const found = v4.findLast((c) => c.type === "srflx") ??
      v4.find((c) => c.type === "host" && !LOCAL.has(ipaddr.parse(c.address).range()));
    return found ? { address: found.address, port: found.port } : null;
  }

  tick(): void {
    const now = this.#o.now();
    if (this.#due !== null && this.#due <= now) {
      this.#due = null;
      void this.#open().catch((error) => this.#o.note(`guess: ${errorLine(error)}`));
    }
    this.#guess.tick();
    if (this.#keptBack && this.#keptBack.until <= now) {
      this.#keptBack = null;
      this.#guess.reset({ forgive: false });
      this.#o.note("guess: in vain");
      this.#o.failed();
    }
  }

  nextDeadline(): number | null {
    const all = [this.#due, this.#guess.nextDeadline(), this.#keptBack?.until].filter((d) =>
      d !== null && d !== undefined
    );
    const next = Math.min(...all);
    return Number.isFinite(next) ? next : null;
  }

  close(): void {
    this.#guess.close();
  }
}
