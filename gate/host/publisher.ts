/** The gate's own record: signed anew when what it says has changed or half its life is over, and published. */
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { decodeJwt } from "jose";
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import { signGateRecord, verifyGateRecord } from "../../mesh/trust/record.ts";
import { type AdmissionProof, type GateRecord, gateRecord } from "../../mesh/wire/record.ts";
import { parse } from "../../mesh/wire/schema.ts";
import type { GateState, NetworkState } from "./state.ts";

/** Life of a record in seconds. */
const LIFE = 30 * 86_400;

/** What the record says of this gate. */
export type GateFacts = Pick<
  GateRecord,
  "name" | "region" | "hosts" | "quic" | "stun" | "stunAlternate" | "turn" | "cert" | "version"
>;

/** A signed record; `before` is the one that it replaces, `now` is in seconds. */
export async function makeRecord(
  o: { facts: GateFacts; net: string; key: SigningKey; proof: AdmissionProof; before: GateRecord | null; now: number },
): Promise<string> {
  const record = {
    v: 1 as const,
    net: o.net,
    // By the clock, so that a gate whose state was restored from a copy does not fall behind itself.
    seq: Math.max(o.now, (o.before?.seq ?? 0) + 1),
    iat: o.now,
    exp: o.now + LIFE,
    ...o.facts,
    proof: o.proof,
  };
  return await signGateRecord(record, o.key);
}

/** Reads the gate's own record, which it has signed and kept itself. */
export function readOwnRecord(jws: string): GateRecord {
  return parse(gateRecord, decodeJwt(jws), "network.json record", "bad_config");
}

/** True when a new record is due: other facts, or half its life over. `now` is in seconds. */
export function recordDue(record: GateRecord, facts: GateFacts, now: number): boolean {
  return !same(record, facts) || now >= record.iat + LIFE / 2;
}

function same(a: GateFacts, b: GateFacts): boolean {
  const text = (f: GateFacts) =>
    JSON.stringify([f.name, f.region, f.hosts, f.quic, f.stun, f.stunAlternate, f.turn, f.cert, f.version]);
  return text(a) === text(b);
}

export interface PublisherOptions {
  state: GateState;
  network: NetworkState;
  client: MeshClient;
  key: SigningKey;
  ledger: Ledger;
  now(): number;
}

export class Publisher {
  readonly #o: PublisherOptions;
  #network: NetworkState;
  #working: Promise<boolean> | null = null;

  constructor(o: PublisherOptions) {
    this.#o = o;
    this.#network = o.network;
  }

  /**
   * Brings the record up to date and hands it in if the coordinator does not have it yet; true when it did.
   * @throws GhostError as the coordinator refuses or cannot be reached; the next call tries again
   */
  update(facts: GateFacts): Promise<boolean> {
    this.#working ??= this.#update(facts).finally(() => this.#working = null);
    return this.#working;
  }

  /** The coordinator does not have the record after all: the next `update` hands it in. */
  async forgotten(): Promise<void> {
    await this.#save({ ...this.#network, published: false }, this.#o.state);
  }

  async #update(facts: GateFacts): Promise<boolean> {
    const { key, state, ledger } = this.#o;
    const now = Math.floor(this.#o.now() / 1000);
    const before = readOwnRecord(this.#network.record);
    if (recordDue(before, facts, now)) {
      const { net, proof } = this.#network;
      const record = await makeRecord({ facts, net, key, proof, before, now });
      await verifyGateRecord(record, { ledger, now, admit: new AdmitRules().of(ledger.policy) });
      await this.#save({ ...this.#network, record, published: false }, state);
    }
    if (this.#network.published) return false;
    const { record } = this.#network;
    await this.#o.client.publishGate(record);
    await this.#save({ ...this.#network, published: true }, state);
    return true;
  }

  async #save(network: NetworkState, state: GateState): Promise<void> {
    await state.saveNetwork(network);
    this.#network = network;
  }
}
