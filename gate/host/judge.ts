/** Signs and checks for the core: session proofs by keys, records by the gate's own verified ledger and the policy in it. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import { verifyNodeRecord } from "../../mesh/trust/record.ts";
import { signSession, verifySession } from "../../mesh/trust/session.ts";
import { admits, METHODS, parsePolicy, type Policy } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { SessionClaims } from "../../mesh/wire/gate_session.ts";
import type { Member } from "../core/event.ts";
import type { Judge } from "./quic.ts";

export interface LedgerJudgeOptions {
  key: SigningKey;
  ledger: Ledger;
  /** Asks once for newer ledger entries; true when there were some. */
  catchUp(): Promise<boolean>;
  now(): number;
}

export class LedgerJudge implements Judge {
  readonly #o: LedgerJudgeOptions;
  #policy: { seq: number; policy: Policy | null } = { seq: -1, policy: null };

  constructor(o: LedgerJudgeOptions) {
    this.#o = o;
  }

  prove(claims: SessionClaims): Promise<string> {
    return signSession(claims, this.#o.key);
  }

  async verify(o: { claims: SessionClaims; proof: string; record: string }): Promise<Member> {
    await verifySession(o.proof, o.claims, o.claims.node);
    try {
      return await this.recheck({ key: o.claims.node, record: o.record });
    } catch (error) {
      // The grant may be newer than this gate's ledger.
      const unknown = error instanceof GhostError && error.code === "not_admitted";
      if (!unknown || !await this.#o.catchUp()) throw error;
      return await this.recheck({ key: o.claims.node, record: o.record });
    }
  }

  async recheck(o: { key: string; record: string }): Promise<Member> {
    const { ledger } = this.#o;
    while (true) {
      const { seq } = ledger.head;
      const node = await verifyNodeRecord(o.record, { ledger, now: Math.floor(this.#o.now() / 1000) });
      if (node.key !== o.key) {
        throw new GhostError("unauthorized", "The record is another node's", { place: "auth.record" });
      }
      // An entry that came while signatures were checked may revoke what they rest on.
      if (ledger.head.seq !== seq) continue;
      if (!this.#isOpen(METHODS[node.admission.method])) {
        throw new GhostError("not_admitted", "The network's policy admits nobody by token", { place: "auth.record" });
      }
      const ends = ledger.nodeSettings(node.id)?.expires ?? Infinity;
      return { id: node.id, key: node.key, grant: node.admission.grant, expires: Math.min(node.record.exp, ends) };
    }
  }

  /** Whether the policy in force leaves this way in open; of one that this version cannot read, the one before stays in force. */
  #isOpen(method: string): boolean {
    const source = this.#o.ledger.policy;
    if (source === null) return true; // then nobody may talk, but a session tells of the policy that comes
    if (source.seq !== this.#policy.seq) {
      let { policy } = this.#policy;
      try {
        if (source.format === "toml") policy = parsePolicy(source.source);
      } catch { /* the coordinator's log and the nodes say what is wrong with it */ }
      this.#policy = { seq: source.seq, policy };
    }
    return this.#policy.policy !== null && admits(this.#policy.policy, method);
  }

  behind(): void {
    this.#o.catchUp();
  }
}
