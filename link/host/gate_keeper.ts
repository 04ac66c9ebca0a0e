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
/** Somebody who sent data over the session this long ago may still wait for an answer, in ms. */
const USED = 5_000;

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
  clones: CloneWatch;
  /** A handler has thrown; everything else goes on. */
  failed(keeper: GateKeeper, fault: HandlerFault): void;
}

export class GateKeeper {
  gate: VerifiedGate;
  client: GateClient | null = null;
  /** Nodes that this gate says are there. */
  readonly present: Set<string> = new Set();
  /** Peers whose lane is on this gate. */
  readonly lanes: Set<string> = new Set();
  readonly #host: KeeperHost;
  readonly #guard = { failed: (fault: HandlerFault) => this.#host.failed(this, fault), now: () => this.#host.now() };
  readonly #tell: { session(o: Parameters<KeeperHost["session"]>[1]): void; silent(silent: boolean): void };
  readonly #abort = new AbortController();
  readonly #waits = new Waits(WAITS);
  #live = new Liveness(0);
  #usedAt = -Infinity;

  constructor(gate: VerifiedGate, host: KeeperHost) {
    this.gate = gate;
    this.#host = host;
    this.#tell = guarded({
      session: (o: Parameters<KeeperHost["session"]>[1]) => host.session(this, o),
      silent: (silent: boolean) => host.silent(this, silent),
    }, this.#guard);
    void this.#keep();
  }

  get id(): string {
    return this.gate.id;
  }

  /** This machine is on another network: what did not get through may now. */
  hurry(): void {
    this.#waits.hurry();
  }

  /** Ends it for good. */
  leave(reason: string): void {
    this.#abort.abort();
    this.client?.close(reason);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort;
    const { clones } = this.#host;
    while (!signal.aborted) {
      let atLeast = 0;
      const ended = Promise.withResolvers<string>();
      const client = await this.#connect(ended.resolve);
      if (client && !signal.aborted) {
        this.#waits.reset();
        const since = this.#host.now();
        this.client = client;
        this.#live = new Liveness(since);
        this.#tell.session({ up: true, reason: null, failed: false });
        const reason = await ended.promise;
        clones.ended(reason, this.#host.now() - since);
        if (clones.cloned && reason.includes(GATE_REPLACED)) atLeast = CLONED_WAIT;
        this.client = null;
        this.#tell.session({ up: false, reason, failed: !signal.aborted });
      } else client?.close();
      const spread = 0.75 + this.#host.random(1)[0]! / 512;
      await this.#waits.wait({ spread, atLeast }, signal);
    }
  }

  async #connect(closed: (reason: string) => void): Promise<GateClient | null> {
    const { signal } = this.#abort;
    const events = { ...this.#host.events(this), closed };
    try {
      return await raceFor(await this.#host.ways(this.gate), {
        signal,
        dial: (host, o) =>
          GateClient.connect({ ...this.#host.dial(), ...this.#guard, ...o, gate: this.gate, host }, events),
        close: (client) => client.close(),
      });
    } catch (error) {
      if (!signal.aborted) this.#tell.session({ up: false, reason: errorLine(error), failed: true });
      return null;
    }
  }

  /** Somebody waits for something to come back over this session; true when it is to be watched from now on. */
  used(now: number): boolean {
    const idle = now - this.#usedAt >= USED;
    this.#usedAt = now;
    if (idle) this.#live.want(true, now);
    return idle;
  }

  /** Asks after the gate where that is due. */
  tick(now: number): void {
    if (!this.client) return;
    const before = this.#live.silent;
    this.#live.want(this.lanes.size > 0 || now - this.#usedAt < USED, now);
    this.#live.heard(this.client.heardAt);
    if (this.#live.tick(now)) this.client.ping();
    if (this.#live.silent !== before) this.#tell.silent(this.#live.silent);
  }

  /** When `tick` is due, ms; null while nobody waits for anything. */
  nextDeadline(): number | null {
    return this.client ? this.#live.nextDeadline() : null;
  }
}
