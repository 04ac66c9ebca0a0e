/** Signs and checks for the core: session proofs by keys, records by the gate's own verified ledger and the policy in it. */
import { AdmitRules } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import type { IssuerBook } from "../../mesh/trust/admission/mod.ts";
import { readNodeRecord, verifyNodeRecord } from "../../mesh/trust/record.ts";
import { signSession, verifySession } from "../../mesh/trust/session.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { SessionClaims } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import type { Member } from "../core/event.ts";
import type { Judge, LedgerTalk } from "./quic.ts";

export interface LedgerJudgeOptions {
  key: SigningKey;
  ledger: Ledger;
  /** Asks once for newer ledger entries; true when there were some. */
  catchUp(): Promise<boolean>;
  /** Takes entries into the ledger. @throws GhostError for the first that does not verify */
  take(entries: readonly string[]): Promise<unknown>;
  /** Answers what a node says of the ledger. */
  exchange(node: string, message: LedgerTalk): Promise<LedgerTalk[]>;
  now(): number;
  /** Keys of identity providers, as this gate fetches them. */
  issuers?: IssuerBook;
}

export class LedgerJudge implements Judge {
  readonly #o: LedgerJudgeOptions;
  readonly #rules = new AdmitRules();

  constructor(o: LedgerJudgeOptions) {
    this.#o = o;
  }

  prove(claims: SessionClaims): Promise<string> {
    return signSession(claims, this.#o.key);
  }

  async verify(o: { claims: SessionClaims; proof: string; record: string }): Promise<Member> {
    await verifySession(o.proof, o.claims, o.claims.node);
    return await this.admit({ key: o.claims.node, record: o.record });
  }

  /** Checks a record that comes for the first time: what it rests on may be newer than what this gate knows. */
  async admit(o: { key: string; record: string }): Promise<Member> {
    try {
      return await this.recheck(o);
    } catch (error) {
      if (error instanceof GhostError && error.code === "unknown_key" && await this.#learn(o.record)) {
        return await this.recheck(o);
      }
      // The grant may be newer than this gate's ledger.
      const unknown = error instanceof GhostError && error.code === "not_admitted";
      if (!unknown || !await this.#o.catchUp()) throw error;
      return await this.recheck(o);
    }
  }

  async hand(o: { claims: SessionClaims; proof: string; entries: string[] }): Promise<LedgerHead> {
    await verifySession(o.proof, o.claims, o.claims.node);
    const { ledger } = this.#o;
    if (!ledger.isAdmin(o.claims.node)) {
      throw new GhostError("forbidden", "Only an admin hands entries to a gate", { place: "hand" });
    }
    try {
      await this.#o.take(o.entries);
    } catch (error) {
      // This gate lacks what lies before them: the head says so, and the admin hands that over first.
      if (!(error instanceof GhostError) || error.code !== "ledger_moved") throw error;
    }
    return ledger.head;
  }

  async recheck(o: { key: string; record: string }): Promise<Member> {
    const { ledger, issuers } = this.#o;
    while (true) {
      const { revision } = ledger;
      const node = await verifyNodeRecord(o.record, {
        ledger,
        now: Math.floor(this.#o.now() / 1000),
        admit: this.#rules.of(ledger.policy),
        ...(issuers ? { issuerKeys: (issuer: string) => issuers.keysOf(issuer) } : {}),
      });
      if (node.key !== o.key) {
        throw new GhostError("unauthorized", "The record is another node's", { place: "auth.record" });
      }
      // An entry that came while signatures were checked may revoke what they rest on.
      if (ledger.revision !== revision) continue;
      const ends = ledger.nodeSettings(node.id)?.expires ?? Infinity;
      const { expires } = node.admission;
      return { id: node.id, key: node.key, expires: Math.min(node.record.exp, ends, expires ?? Infinity) };
    }
  }

  /** Fetches the keys that a node's log-in is checked by; true when there are others than before. */
  async #learn(jws: string): Promise<boolean> {
    const { proof } = (await readNodeRecord(jws)).record;
    if (proof.kind !== "oidc" || !this.#o.issuers) return false;
    return await this.#o.issuers.learn(proof.idToken, this.#rules.of(this.#o.ledger.policy));
  }

  behind(): void {
    this.#o.catchUp();
  }

  exchange(node: string, message: LedgerTalk): Promise<LedgerTalk[]> {
    return this.#o.exchange(node, message);
  }
}
