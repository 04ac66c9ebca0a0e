/**
 * The policy in force on this machine and what it comes to for the nodes there are. A policy that cannot be used, or whose
 * own tests fall, changes nothing: the one before it in the ledger stays in force, and without one before nobody is let in.
 */
import { compile, type Compiled, networkOf, type Policy, policyInForce, policyNode } from "../../mesh/policy/mod.ts";
import type { Ledger, LedgerPolicy } from "../../mesh/trust/ledger.ts";
import { type AdmitRule, DEFAULT_ADMIT } from "../../mesh/wire/admit.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { RouteBody } from "../../mesh/wire/ledger.ts";
import type { KnownNode } from "./known_node.ts";

/** The rules that count here. */
export class RulesInForce {
  readonly #ledger: Ledger;
  #source: LedgerPolicy | null = null;
  #policy: Policy | null = null;
  #entry: number | null = null;
  #fault: string | null = null;
  #compiled: Compiled | null = null;
  #routes: readonly RouteBody[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.look();
  }

  /** Why the newest policy cannot be used by this version, or null. */
  get fault(): string | null {
    this.look();
    return this.#fault;
  }

  /** The policy in force as it was when the ledger was last looked at; null before the first. */
  get policy(): Policy | null {
    return this.#policy;
  }

  /**
   * The ways in, those that mesh/policy's `AdmitRules` tells the coordinator and gates. Only where no policy was ever usable
   * this is more: records stay known for the one that will be, and until then nobody is a peer.
   */
  get admit(): readonly AdmitRule[] {
    return this.#policy?.admit ?? DEFAULT_ADMIT;
  }

  /** The ledger entry of that policy. */
  get entry(): number | null {
    return this.#entry;
  }

  /** Reads the ledger's policy if it is another one than before. */
  look(): void {
    const source = this.#ledger.policy;
    if (!source || this.#source === source) return;
    this.#source = source;
    this.#compiled = null;
    const { policy, signed, fault } = policyInForce<LedgerPolicy>(source);
    this.#policy = policy;
    this.#entry = signed?.seq ?? null;
    this.#fault = fault === null ? null : errorLine(fault);
  }

  /** Who is a member, or what the ledger says of them, has changed. */
  membersChanged(): void {
    this.#compiled = null;
  }

  /** The policy, compiled for these nodes; null without one. */
  compiled(members: () => KnownNode[]): Compiled | null {
    if (!this.#ledger.policy) return null;
    this.look();
    if (!this.#policy) return null;
    if (this.#compiled) return this.#compiled;
    const nodes = members().map(({ verified, name, ipv4 }) => ({ ...policyNode(verified), name, ipv4 }));
    const network = networkOf(this.#policy, { ledger: this.#ledger, nodes });
    this.#routes = network.routes;
    return this.#compiled = compile(this.#policy, network);
  }

  /** The routes that were compiled: signed ones, and announced ones that the policy approves. */
  get routes(): readonly RouteBody[] {
    return this.#compiled ? this.#routes : this.#ledger.routes;
  }
}
