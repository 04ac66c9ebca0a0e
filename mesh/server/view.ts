/**
 * What one instance knows of the network at one sequence of the feed: the verified ledger, all machines, and who sees whom.
 * A view is never changed but replaced, so that a stream can compare the one before with the one after. Its ledger is the
 * exception: it grows in place, which readers of an older view may notice, and which the store's check of the head covers.
 */
import { compile, type Compiled, networkOf, type Policy, policyInForce, policyNode, sees } from "../policy/mod.ts";
import type { AdmitRule } from "../wire/admit.ts";
import type { StoredRecord } from "../store/mod.ts";
import type { Ledger } from "../trust/ledger.ts";
import type { VerifiedGate, VerifiedNode } from "../trust/record.ts";

/** A stored record and what it amounts to under the ledger: null when it does not hold (revoked, or settled otherwise). */
export interface Slot<V> {
  stored: StoredRecord;
  machine: V | null;
  /** Seconds until which it counts: the record's own end or the membership's. */
  until: number;
}
export interface NodeSlot extends Slot<VerifiedNode> {
  /** What the record itself claims, whether or not it holds. */
  claims: { name: string; ipv4: string | null };
}
export type GateSlot = Slot<VerifiedGate>;

export interface View {
  /** Feed sequence up to which this is complete. */
  readonly seq: number;
  readonly ledger: Ledger;
  readonly nodes: ReadonlyMap<string, NodeSlot>;
  readonly gates: ReadonlyMap<string, GateSlot>;
  /** The ways in by the policy in force. */
  readonly admit: readonly AdmitRule[];
  /** The policy in force (`readPolicy`); null when there is none: then nobody sees anybody. */
  readonly policy: Policy | null;
  readonly compiled: Compiled | null;
}

/** What policy selects a node by, as one text to compare. */
export function selectorsOf(node: VerifiedNode): string {
  return JSON.stringify(policyNode(node));
}

/** The policy in force: the newest that this version can use, as all machines take it. Null when there is none: everything is denied. */
export function readPolicy(ledger: Ledger): Policy | null {
  return ledger.policy === null ? null : policyInForce(ledger.policy).policy;
}

/** Compiles a policy for the nodes whose records hold. */
export function compileFor(
  policy: Policy | null,
  ledger: Ledger,
  nodes: ReadonlyMap<string, NodeSlot>,
): Compiled | null {
  if (policy === null) return null;
  const machines = [...nodes.values()].flatMap(({ machine }) => machine === null ? [] : [policyNode(machine)]);
  return compile(policy, networkOf(policy, { ledger, nodes: machines }));
}

/** Whether policy lets the node `self` see the node `other`. */
export function maySee(view: View, self: string, other: string): boolean {
  if (self === other || view.compiled === null) return false;
  if (!view.nodes.get(self)?.machine || !view.nodes.get(other)?.machine) return false;
  return sees(view.compiled, self, other);
}

/** Records of the nodes that `self` may see and that have not expired. */
export function visibleNodes(view: View, self: string, now: number): string[] {
  const out: string[] = [];
  for (const [id, slot] of view.nodes) if (slot.until > now && maySee(view, self, id)) out.push(slot.stored.jws);
  return out;
}

/** Records of all machines of a kind that hold; with `now` only those that have not expired. */
export function allRecords(slots: ReadonlyMap<string, Slot<unknown>>, now?: number): string[] {
  const out: string[] = [];
  for (const { stored, machine, until } of slots.values()) {
    if (machine !== null && (now === undefined || until > now)) out.push(stored.jws);
  }
  return out;
}
