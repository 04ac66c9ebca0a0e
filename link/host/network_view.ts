/**
 * What this node holds to be true of its network: the verified ledger, the verified records of others, and what follows
 * from both (who may be a peer, whose name and address counts, which routes are in force). Whatever arrives, from the
 * coordinator or from a peer, passes through here and is checked here; nothing that fails its check changes anything.
 *
 * The coordinator's word alone can only take away (`forget`), never add or change.
 */
import { InTurn } from "../../mesh/wire/in_turn.ts";
import {
  type Compiled,
  DEFAULT_GRACE,
  type DnsPolicy,
  type Exit,
  exitsFor,
  type Filter,
  filterFor,
  internetBeyond,
  NO_DNS,
  routesFor,
  sees,
} from "../../mesh/policy/mod.ts";
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
import type { RouteBody } from "../../mesh/wire/ledger.ts";
import { canonicalPrefix } from "../core/plan/mod.ts";
import { ForkGuard } from "./fork_guard.ts";
import { KnownGates } from "./known_gates.ts";
import { claim, findNode, type KnownNode, reclaim } from "./known_node.ts";
import { Lifetimes } from "./lifetimes.ts";
import { Marks, type SavedMark } from "./marks.ts";
import { type RefusedNode, RefusedRecords } from "./refused_records.ts";
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

  /** Whether this node itself is in the network now. */
  #isMember(): boolean {
    return this.#nodes.has(this.selfId) && !this.#lifetimes.over(this.selfId);
  }

  /** The nodes that count: those whose time is not over. */
  #members(): KnownNode[] {
    return [...this.#nodes.values()].filter((n) => !this.#lifetimes.over(n.id));
  }

  #compile(): Compiled | null {
    return this.#rules.compiled(() => this.#members());
  }

  /** The same, as far as it lets this node to others now. */
  #usable(): Compiled | null {
    return this.#adrift || !this.#isMember() ? null : this.#compile();
  }

  /** The nodes that policy lets this one see. */
  peers(): KnownNode[] {
    const compiled = this.#usable();
    if (!compiled) return [];
    return [...this.#nodes.values()].filter((n) =>
      n.id !== this.selfId && n.keyed && sees(compiled, this.selfId, n.id)
    );
  }

  /** This node's packet filter; null when there is no usable policy, and then nothing may pass. */
  filter(o: { exit?: string | undefined } = {}): Filter | null {
    const compiled = this.#compile();
    return compiled && this.#isMember() ? filterFor(compiled, this.selfId, o) : null;
  }

  /** What the policy says of names. */
  get dns(): DnsPolicy {
    return this.#rules.policy?.dns ?? NO_DNS;
  }

  /** Peers through which policy lets this node into the internet. */
  exits(): Exit[] {
    const compiled = this.#usable();
    if (!compiled) return [];
    return exitsFor(compiled, this.selfId).filter(({ node }) => this.#nodes.get(node)?.keyed);
  }

  /** What lies beyond the network, and so is nobody's in it. */
  beyond(): string[] {
    const compiled = this.#compile();
    return compiled === null ? [] : internetBeyond(compiled);
  }

  /** The network's own ranges: that of its IPv4 addresses and, once this node is known, the /48 of its IPv6 ones (mesh/trust/address.ts). */
  ranges(): string[] {
    const self = this.#nodes.get(this.selfId);
    return [this.ledger.network.ipv4, ...(self ? [canonicalPrefix(`${self.ipv6}/48`)] : [])];
  }

  /** Routes in force that this node carries itself, and those of others that policy lets it use. */
  routes(): { mine: RouteBody[]; theirs: RouteBody[] } {
    const compiled = this.#compile();
    const usable = new Set((compiled ? routesFor(compiled, this.selfId) : []).map((r) => `${r.prefix} ${r.node}`));
    const { routes } = this.#rules;
    return {
      mine: routes.filter((r) => r.node === this.selfId),
      theirs: routes.filter((r) => usable.has(`${r.prefix} ${r.node}`)),
    };
  }

  /** Routes in force, whoever may use them: signed ones, and announced ones that the policy approves. */
  get approved(): readonly RouteBody[] {
    this.#compile();
    return this.#rules.routes;
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
