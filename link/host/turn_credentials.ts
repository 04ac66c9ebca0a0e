/**
 * Credentials of the gates' TURN services: over a gate's session where there is one, else by mail (mesh/wire/turn.ts). What a
 * gate gave is kept until it ends.
 */
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import type { OwnEnd } from "../../mesh/trust/seal.ts";
import { makeTurnAsk, openTurnGrant } from "../../mesh/trust/turn_mail.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";

/** Waits behind each ask, in ms; then the gate is given up for now. */
const ASK_WAITS = [1_500, 3_000];
/** Mailed asks of one gate whose answers are still taken; older ones are forgotten. */
const MAX_ASKED = 8;
/** Credentials that end sooner than this, in seconds, are not begun with. */
const ENOUGH = 120;

export interface TurnCredentialsHost {
  net: string;
  self: OwnEnd;
  key: SigningKey;
  /** This node's newest record. */
  record(): string;
  gate(id: string): VerifiedGate | undefined;
  /** Asks over the session with this gate; false when there is none. */
  ask(gate: string): boolean;
  /** Leaves a box for a gate; throws when nobody can carry it. */
  mail(gate: string, box: string): Promise<void>;
  dropped(gate: string, why: unknown): void;
  /** ms since 1970. */
  now(): number;
}

export class GateCredentials {
  readonly #host: TurnCredentialsHost;
  readonly #held = new Map<string, TurnGrantedCredentials>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  /** The `at` of asks that were mailed and are not answered. */
  readonly #asked = new Map<string, Set<number>>();
  readonly #asking = new Map<string, Promise<TurnGrantedCredentials>>();
  #at = 0;

  constructor(host: TurnCredentialsHost) {
    this.#host = host;
  }

  /**
   * Credentials that count for a while yet.
   * @throws GhostError `timeout` when the gate gives none, or `unreachable`
   */
  of(gate: string): Promise<TurnGrantedCredentials> {
    const held = this.#held.get(gate);
    if (held && held.expires > this.#host.now() / 1000 + ENOUGH) return Promise.resolve(held);
    const asking = this.#asking.get(gate) ?? this.#ask(gate).finally(() => this.#asking.delete(gate));
    this.#asking.set(gate, asking);
    return asking;
  }

  /** These do not count any more. Others that came meanwhile may have the same name: it says whose they are and when they end. */
  refused(gate: string, { password }: { password: string }): void {
    if (this.#held.get(gate)?.password === password) this.#held.delete(gate);
  }

  async #ask(gate: string): Promise<TurnGrantedCredentials> {
    this.#held.delete(gate);
    const place = `gate ${this.#host.gate(gate)?.name ?? gate}`;
    for (const wait of ASK_WAITS) {
      const answer = Promise.withResolvers<void>();
      this.#waiting.set(gate, answer);
      if (!this.#host.ask(gate)) await this.#mail(gate, place);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, wait));
      await Promise.race([answer.promise, late]);
      clearTimeout(timer);
      const held = this.#held.get(gate);
      if (held) return held;
    }
    throw new GhostError("timeout", "The gate gives no TURN credentials", { place });
  }

  async #mail(gate: string, place: string): Promise<void> {
    const { net, key, now } = this.#host;
    this.#at = Math.max(now(), this.#at + 1);
    const asked = this.#asked.get(gate) ?? new Set();
    this.#asked.set(gate, asked.add(this.#at));
    if (asked.size > MAX_ASKED) asked.delete(asked.values().next().value!);
    const ask = { v: 1 as const, net, gate, at: this.#at };
    const box = await makeTurnAsk({ ask, record: this.#host.record(), key });
    await this.#host.mail(gate, box).catch((cause) => {
      throw new GhostError("unreachable", "Nobody carries an ask for TURN credentials", { place, cause });
    });
  }

  /** Takes credentials that a gate gave over its session. True when they replace others. */
  granted(gate: string, { username, password, expires }: TurnGrantedCredentials): boolean {
    const before = this.#held.get(gate);
    this.#held.set(gate, { username, password, expires });
    this.#waiting.get(gate)?.resolve();
    return before !== undefined && before.password !== password;
  }

  /** Takes a box that is said to come from this gate; what it says is checked. */
  async mailed(gate: VerifiedGate, box: string): Promise<void> {
    try {
      const grant = await openTurnGrant(box, { net: this.#host.net, self: this.#host.self, gate });
      if (!this.#asked.get(gate.id)?.delete(grant.at)) {
        throw new GhostError("replayed", "No ask of ours waits for this");
      }
      this.granted(gate.id, grant);
    } catch (error) {
      this.#host.dropped(gate.id, error);
    }
  }
}
