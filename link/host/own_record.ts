/**
 * This node's own record and keys: every change of either is signed, saved and only then told to others, so that a crash at
 * any point leaves a record that is the newest of its kind or one that was never seen.
 */
import { InTurn } from "../../mesh/wire/in_turn.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { boxKeyFromSeed } from "../../mesh/trust/keys.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { MAX_CLOCK_SKEW } from "../../mesh/wire/api.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { type NodeRecord, nodeRecord } from "../../mesh/wire/record.ts";
import { parse } from "../../mesh/wire/schema.ts";
import { decodeJwt } from "jose";
import { RECORD_LIFETIME } from "./join.ts";
import type { Identity, NetworkState, NodeState } from "./state.ts";

/** What may change in the record while the daemon runs. */
type RecordChange = Partial<
  Pick<NodeRecord, "name" | "gates" | "routes" | "tags" | "wg" | "wgNext" | "os" | "version" | "ipv4" | "proof" | "ssh">
>;

/** Own keys and the newest own record, kept on disk. */
export class OwnRecord {
  readonly #state: NodeState;
  readonly #random: (n: number) => Bytes;
  /** ms since 1970. */
  readonly #now: () => number;
  #identity: Identity;
  #network: NetworkState;
  #record: NodeRecord;
  /** Changes are made one after another: each takes the next number. */
  readonly #turns = new InTurn();

  constructor(
    o: { state: NodeState; identity: Identity; network: NetworkState; random: (n: number) => Bytes; now: () => number },
  ) {
    this.#state = o.state;
    this.#identity = o.identity;
    this.#network = o.network;
    this.#random = o.random;
    this.#now = o.now;
    // Our own file: it was verified when it was made, and is verified again with everybody's when the view takes it.
    this.#record = parse(nodeRecord, decodeJwt(o.network.record), "network.json record", "bad_config");
  }

  get identity(): Identity {
    return this.#identity;
  }

  get network(): NetworkState {
    return this.#network;
  }

  get jws(): string {
    return this.#network.record;
  }

  get record(): NodeRecord {
    return this.#record;
  }

  /** Signs and saves a record with these changes, whose number is above `above` as well. */
  change(change: RecordChange, above = 0): Promise<void> {
    return this.#turns.run(() => this.#change(change, above));
  }

  /**
   * The same, where the change depends on the record that it changes.
   * @param decide gets the newest record; null leaves it as it is
   * @returns the record before, or null when it was left
   */
  changeFrom(decide: (record: NodeRecord) => RecordChange | null): Promise<NodeRecord | null> {
    return this.#turns.run(async () => {
      const before = this.#record;
      const change = decide(before);
      if (change === null) return null;
      await this.#change(change, 0);
      return before;
    });
  }

  async #change(change: RecordChange, above: number): Promise<void> {
    const now = Math.floor(this.#now() / 1000);
    const { wgNext: _, ...kept } = this.#record;
    const next = this.#identity.wgNext === null ? {} : { wgNext: this.#identity.wgNext.public };
    const record: NodeRecord = {
      ...kept,
      ...next,
      wg: this.#identity.wg.public,
      ...change,
      seq: Math.max(this.#record.seq, above) + 1,
      iat: now,
      exp: now + RECORD_LIFETIME,
    };
    const jws = await signNodeRecord(record, this.#identity.identity);
    const network = { ...this.#network, record: jws, seq: record.seq, name: record.name };
    await this.#state.saveNetwork(network);
    this.#record = record;
    this.#network = network;
  }

  /** A last record, which ends this membership for everybody in `seconds`. */
  async farewell(seconds: number): Promise<string> {
    const iat = Math.floor(this.#now() / 1000);
    const record = { ...this.#record, seq: this.#record.seq + 1, iat, exp: iat + seconds };
    return await signNodeRecord(record, this.#identity.identity);
  }

  /** Mends what a crash in the middle of a rotation left: the record says what the keys are. */
  async heal(): Promise<void> {
    if (this.#identity.wgNext !== null) await this.#saveIdentity({ ...this.#identity, wgNext: null });
    if (this.#record.wg !== this.#identity.wg.public || this.#record.wgNext !== undefined) await this.change({});
  }

  /** True when half of the record's life is over, or when it was signed by a clock that was ahead: nobody takes such a one. */
  get dueForRenewal(): boolean {
    const { iat, exp } = this.#record;
    const now = this.#now() / 1000;
    return exp - now < RECORD_LIFETIME / 2 || iat > now + MAX_CLOCK_SKEW;
  }

  /** Makes the next WireGuard key and a record that announces it. */
  async announceKey(): Promise<string> {
    const wgNext = await boxKeyFromSeed(this.#random(32));
    await this.#saveIdentity({ ...this.#identity, wgNext });
    await this.change({});
    return wgNext.public;
  }

  /**
   * Makes the announced key the one in use; the record that says so is signed with it.
   * @throws GhostError `internal` when none was announced
   */
  async switchKey(): Promise<void> {
    const { wgNext } = this.#identity;
    if (!wgNext) throw new GhostError("internal", "No key was announced");
    await this.#saveIdentity({ ...this.#identity, wg: wgNext, wgNext: null });
    await this.change({});
  }

  async #saveIdentity(identity: Identity): Promise<void> {
    await this.#state.saveIdentity(identity);
    this.#identity = identity;
  }

  /** The private key of one of the own WireGuard public keys. @throws GhostError `internal` for another */
  privateKey(publicKey: string): string {
    for (const key of [this.#identity.wg, this.#identity.wgNext]) if (key?.public === publicKey) return key.private;
    throw new GhostError("internal", "Not one of this node's keys");
  }
}
