/**
 * ICE with one peer: RFC 8445 for one component, with trickle (8838), consent freshness (7675) and restarts.
 *
 * The agent is told what happens (`handle`) and answers what is to be done; it has no clock, socket or randomness of its
 * own. It begins when it knows candidates and the peer's credentials; either may come first, and so may the peer's checks.
 *
 * What it leaves out: relayed candidates of its own (a relay is another rung of the path ladder, not an ICE candidate), ICE lite,
 * several components. Errors in what the peer sends are silence or a STUN error, never an exception.
 */
import type { WireCandidate } from "../../../mesh/wire/signal.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import {
  canonical,
  endpointText,
  isUsable,
  sameAddress,
  type TransportAddress,
} from "../../../mesh/wire/stun/address.ts";
import type { StunCrypto } from "../../../mesh/wire/stun/crypto.ts";
import { BINDING, decodeStun } from "../../../mesh/wire/stun/message.ts";
import { type LocalCandidate, localCandidate, sameCandidate, toWire } from "./candidate.ts";
import { type Credentials, receiverOf, type Role } from "./check.ts";
import type { IceAction, IceEvent, IceState, SelectedPair } from "./event.ts";
import { Generation } from "./generation.ts";
import type { Pair, PairState } from "./pair.ts";
import { ICE_TIMING, type IceTiming, MAX_LOCALS } from "./timing.ts";

export interface IceAgentOptions {
  role: "controlling" | "controlled";
  /** 64 random bits. */
  tieBreaker: bigint;
  crypto: StunCrypto;
  /** False for addresses that must not be used: the overlay's own, container bridges. Local and remote ones are asked for. */
  accept?: (address: string) => boolean;
  timing?: Partial<IceTiming>;
}

/** What an agent looks like inside, for people who wonder why a path is as it is. */
export interface IceSnapshot {
  role: "controlling" | "controlled";
  state: IceState;
  candidates: WireCandidate[];
  selected: SelectedPair | null;
  pairs: { local: string; remote: string; type: string; state: PairState; checks: number; rttMs: number | null }[];
}

export class IceAgent {
  readonly #role: Role;
  readonly #newGeneration: (local?: Credentials) => Generation;
  readonly #accept: (address: string) => boolean;
  #locals: LocalCandidate[] = [];
  #current: Generation;
  /** The generation before a restart, for as long as its pair carries data. */
  #previous: Generation | null = null;
  #trouble: "disconnected" | "failed" | null = null;
  #state: IceState = "new";
  #busy = false;
  #actions: IceAction[] = [];

  constructor(o: IceAgentOptions) {
    this.#role = { controlling: o.role === "controlling", tieBreaker: BigInt.asUintN(64, o.tieBreaker) };
    this.#accept = o.accept ?? (() => true);
    const context = {
      crypto: o.crypto,
      timing: { ...ICE_TIMING, ...o.timing },
      role: this.#role,
      busy: () => this.#busy,
      accept: this.#accept,
      send: (from: TransportAddress, to: TransportAddress, bytes: Uint8Array) => {
        this.#actions.push({ kind: "send", from, to, bytes });
      },
      selected: (generation: Generation, pair: Pair) => this.#onSelected(generation, pair),
      consentDoubted: () => this.#actions.push({ kind: "consentDoubted" }),
      consentLost: () => this.#onConsentLost(),
      gone: (generation: Generation) => this.#onGone(generation),
      failed: (generation: Generation) => this.#onFailed(generation),
    };
    this.#newGeneration = (local) => new Generation(context, local);
    this.#current = this.#newGeneration();
  }

  /** This end's credentials of the current generation, to be told to the peer. */
  get local(): Credentials {
    return this.#current.local;
  }

  get state(): IceState {
    return this.#state;
  }

  /** All local candidates so far, as the peer is told of them. */
  candidates(): WireCandidate[] {
    return this.#locals.map(toWire);
  }

  /**
   * An ordinary check for a port that is guessed (link/core/guess): whoever has the peer's half answers it and learns where it
   * came from. Null before the peer's credentials.
   */
  probe(): Uint8Array | null {
    return this.#current.probe();
  }

  /** Whether a datagram is an authentic check of the peer, before anything is done because of it. */
  recognises(bytes: Uint8Array): boolean {
    let known = false;
    this.#quietly(() => known = this.#current.recognises(decodeStun(bytes)));
    return known;
  }

  /** The ufrag of the peer's current generation; null before its first word. */
  get remoteUfrag(): string | null {
    return this.#current.remote?.ufrag ?? null;
  }

  handle(event: IceEvent, now: number): IceAction[] {
    this.#actions = [];
    switch (event.kind) {
      case "localCandidate":
        this.#addLocal(event, now);
        break;
      case "localCandidateGone":
        this.#locals = this.#locals.filter((c) => c.type !== event.type || !sameAddress(c.at, canonical(event)));
        break;
      case "localCandidatesDone":
        if (this.#locals.length === 0) this.#onFailed(this.#current);
        break;
      case "remoteCredentials":
        this.#setRemote(event, now);
        break;
      case "remoteCandidate":
        this.#addRemote(event.candidate, event.ufrag, now);
        break;
      case "datagram":
        this.#datagram(event, now);
        break;
      case "consentHint":
        for (const generation of this.#generations()) generation.consentHint(now);
        break;
      case "busy":
        this.#busy = event.busy;
        for (const generation of this.#generations()) generation.busy(event.busy, now);
        break;
      case "restart":
        this.#restart(now);
        break;
      case "networkChanged":
        this.#locals = [];
        this.#restart(now);
        break;
      case "tick":
        break;
    }
    for (const generation of this.#generations()) generation.tick(now);
    this.#tellState();
    return this.#actions;
  }

  nextDeadline(): number | null {
    const next = Math.min(...this.#generations().map((generation) => generation.nextDeadline() ?? Infinity));
    return Number.isFinite(next) ? next : null;
  }

  #generations(): Generation[] {
    return this.#previous ? [this.#current, this.#previous] : [this.#current];
  }

  #addLocal(event: Extract<IceEvent, { kind: "localCandidate" }>, now: number): void {
    const at = canonical(event, "localCandidate");
    if (this.#locals.length >= MAX_LOCALS || ![at.address, event.base.address].every((a) => this.#usable(a))) return;
    const { type, base, preference } = event;
    const candidate = localCandidate({ type, at, base, preference }, this.#locals);
    if (this.#locals.some((other) => sameCandidate(other, candidate))) return;
    this.#locals.push(candidate);
    this.#current.addLocal(candidate, now);
    this.#actions.push({ kind: "candidate", candidate: toWire(candidate) });
  }

  #usable(address: string): boolean {
    return isUsable(address) && this.#accept(address);
  }

  #setRemote(event: Extract<IceEvent, { kind: "remoteCredentials" }>, now: number): void {
    const known = this.#current.remote;
    if (known?.ufrag === event.ufrag) return;
    // An answer belongs to this side's newest credentials; anything else means that the peer has started over.
    if (known !== null) this.#restart(now, event.reply ? this.#current.local : undefined);
    this.#current.setRemote(event, now);
  }

  #restart(now: number, local?: Credentials): void {
    if (this.#current.selected !== null) this.#previous = this.#current;
    this.#trouble = null;
    this.#current = this.#newGeneration(local);
    for (const candidate of this.#locals) this.#current.addLocal(candidate, now);
  }

  #addRemote(candidate: WireCandidate, ufrag: string | undefined, now: number): void {
    const remote = this.#current.remote;
    if (remote !== null && ufrag !== undefined && remote.ufrag !== ufrag) return;
    this.#quietly(() => this.#current.addRemote(candidate, now));
  }

  #datagram(event: Extract<IceEvent, { kind: "datagram" }>, now: number): void {
    this.#quietly(() => {
      const from = canonical(event.from, "from");
      if (!this.#usable(from.address)) return;
      const message = decodeStun(event.bytes);
      if (message.method !== BINDING) return;
      if (message.class === "request") {
        const receiver = receiverOf(message);
        this.#generations().find((g) => g.local.ufrag === receiver)?.request(message, from, event.to, now);
      } else {
        this.#generations().find((g) => g.awaits(message.transaction))?.response(message, from, now);
      }
    });
  }

  /** What a stranger sends may be wrong in every way; that is no error of this machine. */
  #quietly(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
    }
  }

  #onSelected(generation: Generation, pair: Pair): void {
    if (generation === this.#current) this.#previous = null;
    else if (this.#current.connected) return;
    this.#trouble = null;
    this.#actions.push({ kind: "selected", pair: selectedPair(pair), rttMs: pair.rttMs ?? 0 });
  }

  #onConsentLost(): void {
    if (this.#trouble === null) this.#trouble = "disconnected";
    this.#actions.push({ kind: "consentLost" });
  }

  #onGone(generation: Generation): void {
    if (generation === this.#previous) this.#previous = null;
  }

  #onFailed(generation: Generation): void {
    if (generation !== this.#current) return;
    this.#trouble = "failed";
    this.#actions.push({ kind: "failed" });
  }

  #tellState(): void {
    const connected = this.#generations().some((generation) => generation.connected);
    const state = connected ? "connected" : this.#trouble ?? (this.#current.remote === null ? "new" : "checking");
    if (state === this.#state) return;
    this.#state = state;
    this.#actions.push({ kind: "state", state });
  }

  /** Round trip of the selected pair as its newest answer had it, that of a consent check too, in ms; null without one. */
  get rttMs(): number | null {
    return this.#generations().find(({ connected }) => connected)?.selected?.newestRttMs ?? null;
  }

  /** For people: candidates, pairs and what became of them. Tells no secret. */
  snapshot(): IceSnapshot {
    const selected = this.#generations().find(({ connected }) => connected)?.selected ?? null;
    return {
      role: this.#role.controlling ? "controlling" : "controlled",
      state: this.#state,
      candidates: this.candidates(),
      selected: selected && selectedPair(selected),
      pairs: this.#current.checklist.pairs.map((pair) => ({
        local: endpointText(pair.base.at),
        remote: endpointText(pair.remote.at),
        type: pair.remote.type,
        state: pair.state,
        checks: pair.sends + pair.triggeredSends,
        rttMs: pair.rttMs,
      })),
    };
  }
}

function selectedPair({ base, remote, mapped }: Pair): SelectedPair {
  return { local: { ...(mapped ?? base.at), base: base.at }, remote: remote.at };
}
