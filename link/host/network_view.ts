/**
 * What this node holds to be true of its network: the verified ledger, the verified records of others, and what follows
 * from both (who may be a peer, whose name and address counts, which routes are in force). Whatever arrives, from the
 * coordinator or from a peer, passes through here and is checked here; nothing that fails its check changes anything.
 *
 * The coordinator's word alone can only take away (`forget`), never add or change.
 */
import { InTurn } from "../../mesh/wire/in_turn.ts";
import { DEFAULT_GRACE } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import {
  readNodeRecord,
  type RecordContext,
  type VerifiedGate,
  type VerifiedNode,
  verifyGateRecord,
  verifyNodeRecord,
} from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { ForkGuard } from "./fork_guard.ts";
import { KnownGates } from "./known_gates.ts";
import { claim, findNode, type KnownNode, reclaim } from "./known_node.ts";
import { Lifetimes } from "./lifetimes.ts";
import { Marks, type SavedMark } from "./marks.ts";
import { type RefusedNode, RefusedRecords } from "./refused_records.ts";
import { Rights } from "./rights.ts";
import { RulesInForce } from "./rules_in_force.ts";
import { type Saved, SavedRecords } from "./saved_records.ts";

export type { KnownNode };

/** What changed by an entry or record. */
export type Change = "none" | "ledger" | "nodes" | "gates";

/** The network as this node knows it. */
export class NetworkView {
  readonly selfId: string;
  readonly ledger: Ledger;
  /** Numbers below which records of a machine count no more, although they hold. */
  readonly marks: Marks = new Marks();
  readonly #nodes = new Map<string, KnownNode>();
  readonly #gates = new KnownGates(this.marks);
  readonly #refused = new RefusedRecords();
  readonly #issuerKeys: RecordContext["issuerKeys"];
  readonly #guard: ForkGuard;
  /** What an earlier process kept and this one could not take yet. */
  readonly saved: SavedRecords;
  #adrift = false;
  readonly #rules: RulesInForce;
  /** What follows from all that for this node. */
  readonly rights: Rights;
  /** Changes are made one after another: what one has verified, the next must not overtake. */
  readonly #turns = new InTurn();
  readonly #lifetimes: Lifetimes;
  /** Seconds since 1970. */
  readonly #now: () => number;

  constructor(o: { selfId: string; ledger: Ledger; now: () => number; issuerKeys?: RecordContext["issuerKeys"] }) {
    this.#issuerKeys = o.issuerKeys;
    this.selfId = o.selfId;
    this.ledger = o.ledger;
    this.#now = o.now;
    this.#guard = new ForkGuard(o.ledger, o.selfId);
    this.#lifetimes = new Lifetimes(o);
    this.#rules = new RulesInForce(o.ledger);
    this.rights = new Rights({
      selfId: o.selfId,
      ledger: o.ledger,
      nodes: this.#nodes,
      lifetimes: this.#lifetimes,
      rules: this.#rules,
      adrift: () => this.#adrift,
    });
    this.saved = new SavedRecords({
      node: (jws) => this.node(jws),
      gate: (jws) => this.gate(jws),
      restoring: (load) => this.#guard.restoring(load),
    });
  }

  get nodes(): ReadonlyMap<string, KnownNode> {
    return this.#nodes;
  }

  get gates(): ReadonlyMap<string, VerifiedGate> {
    return this.#gates.all;
  }

  /** Why the newest policy cannot be used by this version, or null. With a fault the one before stays in force; without one before, nobody is let in. */
  get policyFault(): string | null {
    return this.#rules.fault;
  }

  /** Ledger entry of the policy in force; null without a usable one. */
  get policyEntry(): number | null {
    return this.#rules.entry;
  }

  /** How long what is connected stays connected without the coordinator, in seconds. */
  get grace(): number {
    return this.#rules.policy?.grace ?? DEFAULT_GRACE;
  }

  /** True when the coordinator has been away for longer than that: then there are no peers. */
  get adrift(): boolean {
    return this.#adrift;
  }

  /** Says whether it has. */
  drift(adrift: boolean): Change {
    if (adrift === this.#adrift) return "none";
    this.#adrift = adrift;
    return "nodes";
  }

  /**
   * Takes a ledger entry and drops whoever it no longer admits.
   * @throws GhostError as Ledger.take
   */
  entry(jws: string): Promise<Change> {
    return this.#turns.run(() => this.#entry(jws));
  }

  async #entry(jws: string): Promise<Change> {
    if (await this.ledger.take(jws) === "known") return "none";
    this.#rules.membersChanged();
    this.#rules.look(); // each policy is read when it comes, so that the one before is there when it has a fault
    await this.#recheck();
    this.#lifetimes.look(this.#nodes.values());
    this.#rules.membersChanged();
    return "ledger";
  }

  /** Records are admitted by the ledger, so each change of it may end or change an admission. */
  async #recheck(): Promise<void> {
    const again: VerifiedNode[] = [];
    for (const known of [...this.#nodes.values()]) {
      try {
        again.push(await this.#verify(known.verified.jws));
      } catch (error) {
        if (this.#nodes.delete(known.id)) await this.#refused.keep(known.verified.jws, error);
      }
    }
    reclaim(this.#nodes, again.filter(({ id }) => this.#nodes.has(id)), this.ledger); // else forgotten meanwhile
    await this.#retry();
    await this.#gates.recheck(() => this.#context());
  }

  #context(): RecordContext {
    return {
      ledger: this.ledger,
      now: this.#now(),
      admit: this.#rules.admit,
      ...(this.#issuerKeys ? { issuerKeys: this.#issuerKeys } : {}),
    };
  }

  async #verify(jws: string): Promise<VerifiedNode> {
    const verified = await verifyNodeRecord(jws, this.#context());
    this.#guard.check(verified.id);
    return verified;
  }

  /** Takes records that were kept by an earlier process: who was in before a fork stays in. Before anything else comes. */
  async restore(
    saved: Saved & { marks?: readonly SavedMark[] },
    rejected: (error: unknown) => void,
  ): Promise<void> {
    this.marks.load(saved.marks ?? []);
    await this.saved.load(saved, rejected);
  }

  /** Tries refused records again; true when some hold now. */
  async #retry(): Promise<boolean> {
    let any = false;
    for (const refused of this.#refused.takeAll()) {
      const { change } = await this.#node(refused.jws).catch(() => ({ change: "none" as const }));
      any ||= change !== "none";
    }
    return any;
  }

  /** Nodes whose record is known but not admitted, and why. */
  get refused(): readonly RefusedNode[] {
    return this.#refused.all;
  }

  /** Looks again at who is admitted, for what time or new keys have changed. */
  review(): Promise<Change> {
    return this.#turns.run(() => this.#review());
  }

  async #review(): Promise<Change> {
    const now = this.#now();
    const over = (n: KnownNode) => n.verified.admission.expires !== null && n.verified.admission.expires <= now;
    if (![...this.#nodes.values()].some(over)) return await this.#retry() ? "nodes" : "none";
    await this.#recheck();
    this.#rules.membersChanged();
    return "nodes";
  }

  /**
   * Takes a node's record if it verifies and is newer than what is known. With `by`, the sender, only the sender's own: a member
   * could hand over records of machines that it has admitted past the coordinator's count of its token.
   * @throws GhostError when it does not verify
   */
  node(jws: string, o: { by?: string } = {}): Promise<{ id: string; change: Change }> {
    return this.#turns.run(() => this.#node(jws, o.by));
  }

  async #node(jws: string, by?: string): Promise<{ id: string; change: Change }> {
    if (by !== undefined && (await readNodeRecord(jws)).id !== by) {
      throw new GhostError("forbidden", "A node tells of itself only", { place: "record" });
    }
    const verified = await this.#verify(jws).catch(async (error) => {
      await this.#refused.keep(jws, error);
      throw error;
    });
    const id = verified.id;
    this.#refused.forget(id);
    const known = this.#nodes.get(id)?.verified.record.seq ?? null;
    if (!this.marks.take(id, verified.record, known)) return { id, change: "none" };
    this.#nodes.set(id, claim(verified, this.#nodes.values(), this.ledger));
    this.#guard.met(id);
    this.#lifetimes.look(this.#nodes.values());
    this.#rules.membersChanged();
    return { id, change: "nodes" };
  }

  /**
   * Takes a gate's record if it verifies and is newer.
   * @throws GhostError when it does not verify
   */
  gate(jws: string): Promise<{ id: string; change: Change }> {
    return this.#turns.run(() => this.#gate(jws));
  }

  async #gate(jws: string): Promise<{ id: string; change: Change }> {
    const verified = await verifyGateRecord(jws, this.#context());
    const { id } = verified;
    this.#guard.check(id);
    this.#guard.met(id);
    return { id, change: this.#gates.take(verified) ? "gates" : "none" };
  }

  /** Forgets a node or gate that is no longer to be seen. */
  forget(id: string): Change {
    if (id === this.selfId) return "none";
    if (this.#gates.forget(id)) return "gates";
    this.#refused.forget(id);
    if (!this.#nodes.delete(id)) return "none";
    this.#rules.membersChanged();
    return "nodes";
  }

  /** Looks at the clock (Lifetimes). */
  lookAtClock(): Change {
    if (!this.#lifetimes.look(this.#nodes.values())) return "none";
    this.#rules.membersChanged();
    return "nodes";
  }

  /** True for addresses inside the overlay, which can never be a way to reach a node from outside. */
  isOverlay(address: string): boolean {
    return [...this.#nodes.values()].some((n) => n.ipv4 === address || n.ipv6 === address);
  }

  /** A peer by name, full name, id or address. */
  find(text: string): KnownNode | undefined {
    return findNode(this.#nodes.values(), text, this.ledger.network.suffix);
  }
}
