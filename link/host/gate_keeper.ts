/** Keeps a session with one gate: made again with growing waits whenever it ends, until nobody wants it any more. */
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { GATE_REPLACED } from "../../mesh/wire/gate_session.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { Liveness } from "../core/gates/mod.ts";
import { GateClient, type GateConnectOptions, type GateEvents } from "./gate_client.ts";
import { raceFor } from "./gate_race.ts";
import { guarded, type HandlerFault } from "./guarded.ts";
import { Waits } from "./waits.ts";

/** Between two sessions, in ms. */
const WAITS = { first: 250, longest: 8_000 };
/** A session that lasted less than this, in ms, before another one of this very identity took its place, was no restart. */
const SHORT = 60_000;
/** As often as that in a row: somewhere else a daemon runs with a copy of our identity. Then both go easy, in ms. */
const CLONED = 3;
const CLONED_WAIT = 60_000;
/** A dial under way that is older, in ms, may have begun while nothing could get through; QUIC's next word can be seconds away. */
const OLD_DIAL = 2_000;
/** Somebody who sent or got data over the session this long ago may still wait for an answer, in ms. */
const USED = 5_000;

/** Why a session that does not answer was ended. */
const REPLACED = "it has gone silent, and another session took its place";

interface Session {
  client: GateClient;
  /** Why it ended. */
  ended: Promise<string>;
}

/** How a session ended, and the one that is being opened in its place. */
interface Over {
  reason: string;
  next: Promise<Session | null> | null;
}

/** How often in a row sessions were soon replaced by others of this identity; one count for all gates. */
export class CloneWatch {
  #replaced = 0;

  /** True when another daemon seems to run with this identity. */
  get cloned(): boolean {
    return this.#replaced >= CLONED;
  }

  ended(reason: string, lasted: number): void {
    if (lasted < SHORT && reason.includes(GATE_REPLACED)) this.#replaced++;
    else if (lasted >= SHORT) this.#replaced = 0;
  }
}

export interface KeeperHost {
  dial(): Omit<GateConnectOptions, "gate" | "host" | "failed" | "signal" | "turn">;
  /** Addresses, or names, by which the gate may be reached, in the order of wish. */
  ways(gate: VerifiedGate): Promise<string[]>;
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
  events(keeper: GateKeeper): Omit<GateEvents, "closed">;
  /** The session came up, or ended; `failed`: nobody here wanted that. */
  session(keeper: GateKeeper, o: { up: boolean; reason: string | null; failed: boolean }): void;
  /** It has stopped answering, or answers again. */
  silent(keeper: GateKeeper, silent: boolean): void;
  /** It leaves questions unanswered, which may be chance; or (false) it is heard again. */
  doubted(keeper: GateKeeper, doubted: boolean): void;
  clones: CloneWatch;
  /** A handler has thrown; everything else goes on. */
  failed(keeper: GateKeeper, fault: HandlerFault): void;
}

export class GateKeeper {
  gate: VerifiedGate;
  client: GateClient | null = null;
  /** Nodes that this gate says are there. */
  readonly present: Set<string> = new Set();
  /** Peers whose lane is on this gate, and who hears whether the gate is in doubt. */
  readonly lanes: Map<string, (doubted: boolean) => void> = new Map();
  readonly #host: KeeperHost;
  readonly #guard = { failed: (fault: HandlerFault) => this.#host.failed(this, fault), now: () => this.#host.now() };
  readonly #tell: {
    session(o: Parameters<KeeperHost["session"]>[1]): void;
    silent(silent: boolean): void;
    doubted(doubted: boolean): void;
  };
  readonly #abort = new AbortController();
  readonly #waits = new Waits(WAITS);
  #live = new Liveness(0);
  /** What of it has been told. */
  #silent = false;
  #usedAt = -Infinity;
  #unanswered = () => {};
  /** The dial under way; beside a session it is for another one in its place, which the gate ends for it once it has `spoken`. */
  #dial: { since: number; abort: AbortController; spoken: boolean } | null = null;

  constructor(gate: VerifiedGate, host: KeeperHost) {
    this.gate = gate;
    this.#host = host;
    this.#tell = guarded({
      session: (o: Parameters<KeeperHost["session"]>[1]) => host.session(this, o),
      silent: (silent: boolean) => host.silent(this, silent),
      doubted: (doubted: boolean) => host.doubted(this, doubted),
    }, this.#guard);
    void this.#keep();
  }

  get id(): string {
    return this.gate.id;
  }

  /** What did not get through may now, or is needed now. */
  hurry(): void {
    this.#waits.hurry();
    if (this.#dial && this.#host.now() - this.#dial.since >= OLD_DIAL) this.#dial.abort.abort();
  }

  /** Ends it for good. */
  leave(reason: string): void {
    this.#abort.abort();
    this.client?.close(reason);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort;
    let opening = this.#open(true);
    while (true) {
      const session = await opening;
      if (signal.aborted) return session?.client.close();
      const { next, atLeast } = session ? await this.#hold(session) : { next: null, atLeast: 0 };
      if (!next) await this.#wait(atLeast);
      if (signal.aborted) return void next?.then((spare) => spare?.client.close());
      opening = next ?? this.#open(true);
    }
  }

  #wait(atLeast: number): Promise<void> {
    const spread = 0.75 + this.#host.random(1)[0]! / 512;
    return this.#waits.wait({ spread, atLeast }, this.#abort.signal);
  }

  /**
   * Uses a session until it ends. One that does not answer is not waited for alone: a gate that was started anew knows nothing of
   * it, and QUIC would find that out only after its idle time of ten seconds. So another one is opened beside it.
   * @returns `next`: the one that is being opened, or is open, in its place; null when none is
   */
  async #hold({ client, ended }: Session): Promise<{ next: Promise<Session | null> | null; atLeast: number }> {
    this.#waits.reset();
    const since = this.#host.now();
    this.client = client;
    if (this.#live.doubted) this.#tell.doubted(false);
    this.#live = new Liveness(since);
    this.#silent = false;
    for (const tell of this.lanes.values()) tell(false);
    this.#tell.session({ up: true, reason: null, failed: false });
    let over: Over | null = null;
    while (!over) {
      over = await Promise.race([ended.then((reason) => ({ reason, next: null })), this.#silence().then(() => null)]);
      over ??= await this.#replace(client, ended);
    }
    const { reason, next } = over;
    const { clones } = this.#host;
    // When we open another session ourselves, the gate ends this one with the words for a copy of our identity.
    if (!next) clones.ended(reason, this.#host.now() - since);
    this.client = null;
    const replaced = reason === REPLACED || (next !== null && reason.includes(GATE_REPLACED));
    this.#tell.session({ up: false, reason, failed: !replaced && !this.#abort.signal.aborted });
    return { next, atLeast: clones.cloned && reason.includes(GATE_REPLACED) ? CLONED_WAIT : 0 };
  }

  /** Opens another session beside one that does not answer; null when it cannot now, and that one is still there. */
  async #replace(client: GateClient, ended: Promise<string>): Promise<Over | null> {
    const next = this.#open(false);
    const first = await Promise.race([ended, next]);
    if (typeof first === "string") return { reason: first, next };
    if (first) {
      client.close(REPLACED);
      return { reason: REPLACED, next };
    }
    return await Promise.race([ended.then((reason) => ({ reason, next: null })), this.#wait(0).then(() => null)]);
  }

  /** Resolves when the session does not answer. */
  #silence(): Promise<void> {
    if (this.#live.silent || this.#stale) return Promise.resolve();
    return new Promise((resolve) => this.#unanswered = resolve);
  }

  get #stale(): boolean {
    return this.#live.stale(this.client?.rttMs ?? null);
  }

  async #open(tells: boolean): Promise<Session | null> {
    const { promise: ended, resolve: closed } = Promise.withResolvers<string>();
    const events = { ...this.#host.events(this), closed };
    const dial = { since: this.#host.now(), abort: new AbortController(), spoken: false };
    this.#dial = dial;
    const signal = AbortSignal.any([this.#abort.signal, dial.abort.signal]);
    try {
      const client = await raceFor(await this.#host.ways(this.gate), {
        signal,
        dial: (host, o) => {
          const turn = () => o.turn().then(() => void (dial.spoken = true));
          return GateClient.connect(
            { ...this.#host.dial(), ...this.#guard, ...o, turn, gate: this.gate, host },
            events,
          );
        },
        close: (client) => client.close(),
      });
      return { client, ended };
    } catch (error) {
      if (tells && !signal.aborted) this.#tell.session({ up: false, reason: errorLine(error), failed: true });
      return null;
    } finally {
      if (this.#dial === dial) this.#dial = null;
    }
  }

  /** Somebody waits for something to come back over this session, or soon may; true when it is to be watched from now on. */
  used(now: number): boolean {
    const idle = now - this.#usedAt >= USED;
    this.#usedAt = now;
    if (idle) this.#live.want(true, now);
    return idle;
  }

  /** It may have to take another one's place: it is made sure of now. */
  needed(now: number): void {
    this.hurry();
    this.used(now);
  }

  /** A lane here carries nothing any more; what it carried comes over this session from now on, if that still works. */
  accuse(now: number): void {
    this.used(now);
    this.#look(() => this.#live.accuse());
  }

  /** Asks after the gate where that is due. */
  tick(now: number): void {
    this.#look((client) => {
      this.#live.want(this.lanes.size > 0 || now - this.#usedAt < USED, now);
      if (this.#live.tick(now)) client.ping();
    });
  }

  #look(act: (client: GateClient) => void): void {
    if (!this.client) return;
    const { doubted } = this.#live;
    this.#live.heard(this.client.heardAt);
    act(this.client);
    // Who hears of the doubt may accuse the gate at once.
    if (this.#live.doubted !== doubted) {
      for (const tell of [...this.lanes.values()]) tell(!doubted);
      this.#tell.doubted(!doubted);
    }
    const { silent } = this.#live;
    if (silent !== this.#silent) {
      this.#silent = silent;
      this.#tell.silent(silent);
    }
    if (silent || this.#stale) this.#unanswered();
    else if (this.#dial?.spoken === false) this.#dial.abort.abort(); // it was only slow
  }

  /** When `tick` is due, ms; null while nobody waits for anything. */
  nextDeadline(): number | null {
    return this.client ? this.#live.nextDeadline() : null;
  }
}
