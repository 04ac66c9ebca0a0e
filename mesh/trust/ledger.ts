/**
 * A network's ledger, checked: one chain of entries from genesis on, held in memory.
 *
 * Each entry must be signed by an admin in force at its place (an `issuer` entry may be signed by a watcher that the policy
 * in force names), carry the network's id, follow its predecessor by number and hash, not be dated before it by more than
 * the clocks may differ, and have the consents that its kind needs. Its identity is the hash of its text as received.
 *
 * Checks that need the platform's crypto are asynchronous and depend on the entry alone; everything that depends on the
 * chain happens after them in one synchronous step, so appends that overlap cannot mix and a refusal changes nothing.
 *
 * Forks. What admins signed beside the chain is kept there, and what it comes to is beside.ts.
 *
 * Checkpoints. Signatures up to a head that was checked before need not be checked again: `open` takes that head, hashes
 * all texts, and reads them without their signatures if the chain of hashes ends there. A host keeps it beside the ledger
 * in its state folder (mode 0700, files 0600). It carries no MAC: who can write there can take the identity key as well, and
 * anything that does not fit it is checked in full. A ledger that is shorter than its checkpoint was rolled back.
 */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import type { GateBody, GrantBody, LedgerEntry, LedgerEvidence, LedgerHead, RouteBody } from "../wire/ledger.ts";
import { Beside } from "./beside.ts";
import type { Chain } from "./branches.ts";
import { checkConsents, checkGenesis, checkPlace } from "./ledger_checks.ts";
import { type CheckedEntry, checkEntry } from "./ledger_entry.ts";
import type { Effect, LedgerIssuerKey, LedgerPolicy, LedgerState, NodeSettings, Revocable } from "./ledger_state.ts";
import { bad, type LedgerFork, type NetworkInfo, type OpenLedgerOptions, type Taken } from "./ledger_types.ts";

export { signEntry, type SignEntryOptions } from "./sign_entry.ts";
export type { LedgerIssuerKey, LedgerPolicy, NodeSettings, Revocable } from "./ledger_state.ts";
export type { LedgerFork, NetworkInfo, OpenLedgerOptions, Taken } from "./ledger_types.ts";

// Enough to keep the crypto threads busy, few enough that a bad chain is given up early.
const CHUNK = 256;

/** The verified chain of one network. */
export class Ledger {
  readonly network: NetworkInfo;
  readonly #issuerSigners: NonNullable<OpenLedgerOptions["issuerSigners"]>;
  readonly #chain: Chain = {
    hashAt: (seq) => this.#hashes[seq],
    isDropped: (hash) => this.#state.dropped.has(hash),
  };
  readonly #beside = new Beside(this.#chain);
  #state: LedgerState;
  #entries: string[];
  #hashes: string[];
  #lastIat: number;
  #revision = 0;

  private constructor(
    genesis: CheckedEntry,
    { id, state }: { id: string; state: LedgerState },
    issuerSigners: OpenLedgerOptions["issuerSigners"] = () => [],
  ) {
    const { name, suffix, ipv4 } = state.genesis;
    const quorum = () => this.#state.quorum;
    this.network = Object.freeze({
      id,
      name,
      suffix,
      ipv4,
      get quorum() {
        return quorum();
      },
    });
    this.#issuerSigners = issuerSigners;
    this.#state = state;
    this.#entries = [genesis.jws];
    this.#hashes = [genesis.hash];
    this.#lastIat = genesis.entry.iat;
  }

  /**
   * Checks a whole chain, genesis first.
   * @throws GhostError `bad_signature`, `bad_ledger`, `wrong_network`, `not_supported`; the place tells which entry;
   * `ledger_rollback` when it ends before `checked`
   */
  static async open(entries: readonly string[], o: OpenLedgerOptions = {}): Promise<Ledger> {
    if (entries[0] === undefined) throw bad("No entries", "ledger");
    const checked = o.checked?.seq ?? -1;
    if (checked >= entries.length) {
      throw new GhostError("ledger_rollback", `Ends at entry ${entries.length - 1}, but ${checked} is known`, {
        place: "ledger",
      });
    }
    let ledger = await Ledger.#read(entries, o, checked);
    if (ledger.#hashes[checked] !== o.checked?.hash) ledger = await Ledger.#read(entries, o, -1);
    for (const jws of o.evidence?.entries ?? []) await ledger.take(jws);
    if (o.evidence) ledger.#beside.seenAt(o.evidence.seen);
    return ledger;
  }

  /** Entries up to number `checked` are read without their signatures. */
  static async #read(entries: readonly string[], o: OpenLedgerOptions, checked: number): Promise<Ledger> {
    const check = (jws: string, at: number) => checkEntry(jws, { place: `ledger[${at}]`, verified: at <= checked });
    const genesis = await check(entries[0]!, 0);
    const ledger = new Ledger(genesis, await checkGenesis(genesis, o.net), o.issuerSigners);
    for (let at = 1; at < entries.length; at += CHUNK) {
      const chunk = entries.slice(at, at + CHUNK);
      // All settled before any is looked at, so that the first fault in the chain is the one told.
      for (const result of await Promise.allSettled(chunk.map((jws, i) => check(jws, at + i)))) {
        if (result.status === "rejected") throw result.reason;
        ledger.#follow(result.value, "bad_ledger");
      }
    }
    return ledger;
  }

  /**
   * Adds an entry. One that is here already changes nothing.
   * @throws GhostError `ledger_moved` when it does not continue this chain, `ledger_fork` when an admin signed another entry
   * for a place that is taken, `bad_ledger`, `bad_signature`, `wrong_network`, `not_supported`, `name_taken`,
   * `address_taken`; the ledger is then as before
   */
  async append(jws: string): Promise<LedgerEntry> {
    const checked = await checkEntry(jws, { place: "entry" });
    if (this.#entries[checked.entry.seq] !== jws) this.#follow(checked, "ledger_moved");
    return checked.entry;
  }

  /**
   * Takes an entry from whomever: one that continues the chain is appended, one that contradicts it is kept as evidence.
   * @throws GhostError as `append`, but `ledger_fork` never, and `ledger_moved` only when entries in between are missing
   */
  async take(jws: string): Promise<Taken> {
    const checked = await checkEntry(jws, { place: "entry" });
    if (this.#entries[checked.entry.seq] === jws) return "known";
    try {
      this.#follow(checked, "ledger_moved");
      return "appended";
    } catch (error) {
      const beside = error instanceof GhostError && (error.code === "ledger_fork" || error.code === "ledger_moved");
      const since = this.adminSince(checked.signer);
      if (!beside || !this.#beside.isEvidence(checked, { head: this.head, since })) throw error;
    }
    if (this.#beside.branches.has(checked.hash)) return "known";
    if (!this.#beside.branches.add(checked)) throw new GhostError("too_many", "Too many entries beside the chain");
    this.#weigh();
    if (await this.#goOver()) return "switched";
    return this.#beside.open.includes(checked) ? "forked" : "known";
  }

  /** Looks anew at what counts of the other branches. */
  #weigh(): void {
    this.#revision++;
    this.#beside.weigh(this.head.seq);
  }

  /** Goes over to a branch that a `resolve` keeps, if one of them does. */
  async #goOver(): Promise<boolean> {
    const { branches } = this.#beside;
    for (let path; (path = this.#beside.resolved(this));) {
      const head = this.head.hash;
      const from = path[0]!.entry.seq;
      const other = await Ledger.#read([...this.#entries.slice(0, from), ...path.map((e) => e.jws)], {
        net: this.network.id,
        issuerSigners: this.#issuerSigners,
      }, from - 1).catch(() => null);
      const leaving = await Promise.all(
        this.#entries.slice(from).map((jws, i) => checkEntry(jws, { place: `ledger[${from + i}]`, verified: true })),
      );
      if (this.head.hash !== head) continue; // it has grown meanwhile
      for (const { hash } of path) branches.remove(hash);
      if (other === null) continue; // signed, but no chain: it is of no more use
      for (const entry of leaving) branches.add(entry);
      this.#state = other.#state;
      this.#entries = other.#entries;
      this.#hashes = other.#hashes;
      this.#lastIat = other.#lastIat;
      this.#continue();
      this.#weigh();
      return true;
    }
    return false;
  }

  /** Appends what was kept beside the chain and continues it now. */
  #continue(): void {
    const { branches } = this.#beside;
    for (let next; (next = branches.all().find((e) => e.entry.prev === this.head.hash));) {
      branches.remove(next.hash);
      try {
        this.#follow(next, "ledger_moved");
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
      }
    }
  }

  /** The synchronous half: everything that depends on the chain. */
  #follow(checked: CheckedEntry, moved: "ledger_moved" | "bad_ledger"): void {
    const { entry, place, signer, approvals } = checked;
    if (entry.kind === "genesis" || entry.net !== this.network.id) {
      throw new GhostError("wrong_network", `Not an entry of network ${this.network.id}`, { place: `${place}.net` });
    }
    const byAdmin = this.isAdmin(signer);
    if (!byAdmin && !this.#mayTell(checked)) throw bad("Signed by a key that is not an admin", place);
    checkPlace(checked, this.head, { byAdmin, moved });
    checkConsents(checked, this, (hash) => this.#hashes.includes(hash));
    if (entry.iat < this.#lastIat - MAX_CLOCK_SKEW) {
      throw bad(`Dated ${this.#lastIat - entry.iat} s before its predecessor`, `${place}.iat`);
    }
    const { seq, kind, body, iat } = entry;
    const effect = { seq, place, kind, body, iat, byAdmin, node: checked.node, hashAt: this.#chain.hashAt };
    this.#state.apply(effect as Effect);
    this.#revision++;
    if (approvals) this.#state.carriedOut.add(approvals.id);
    this.#entries.push(checked.jws);
    this.#hashes.push(checked.hash);
    this.#lastIat = entry.iat;
    if (kind === "resolve") this.#weigh();
  }

  /** Whether the policy in force lets this signer tell an issuer's keys. */
  #mayTell({ entry, signer }: CheckedEntry): boolean {
    const { policy } = this.#state;
    return entry.kind === "issuer" && entry.approvals === undefined && policy !== null &&
      this.#issuerSigners(policy, entry.body.issuer).includes(signer);
  }

  /** All entries as received, genesis first; the list grows with the ledger. */
  get entries(): readonly string[] {
    return this.#entries;
  }

  get head(): LedgerHead {
    const seq = this.#entries.length - 1;
    return { seq, hash: this.#hashes[seq]! };
  }

  /** The entry with this number, as received. */
  at(seq: number): string | undefined {
    return this.#entries[seq];
  }

  /** The hash of the entry with this number. */
  hashAt(seq: number): string | undefined {
    return this.#hashes[seq];
  }

  get admins(): ReadonlyMap<string, { readonly name: string }> {
    return this.#state.admins;
  }

  isAdmin(key: string): boolean {
    return this.#state.admins.has(key);
  }

  get policy(): Readonly<LedgerPolicy> | null {
    return this.#state.policy;
  }

  /** Grants in force by their key; revoked ones are gone. */
  get grants(): ReadonlyMap<string, GrantBody> {
    if (this.#beside.open.length === 0) return this.#state.grants;
    return new Map([...this.#state.grants].filter(([key]) => this.#holds(key)));
  }

  /** The grant in force with this key; of two entries for one key the newer counts. */
  grant(key: string): GrantBody | undefined {
    return this.#holds(key) ? this.#state.grants.get(key) : undefined;
  }

  /** A fork takes from grants what it revokes, and those that came after it was seen. */
  #holds(key: string): boolean {
    return !this.#beside.overlay.revoked.grant.has(key) && (this.#state.grantSeq.get(key) ?? 0) <= this.#beside.seen;
  }

  /** What a revoked grant said. */
  revokedGrant(key: string): GrantBody | undefined {
    return this.#state.revokedGrants.get(key) ??
      (this.isRevoked("grant", key) ? this.#state.grants.get(key) : undefined);
  }

  /** Routes in force. */
  get routes(): readonly RouteBody[] {
    return [...this.#state.routes.values()].filter(({ node }) => !this.#beside.overlay.nodeIds.has(node));
  }

  /** What the newest `gate` entry says of the gate with this identity key. */
  gateSettings(key: string): GateBody | undefined {
    return this.#state.gates.get(key);
  }

  /** Whether admins want the gate with this identity key to be emptied. */
  isDraining(key: string): boolean {
    return this.#state.draining.has(key);
  }

  /** An identity provider's signing keys as admins and watchers told them. */
  issuerKeys(issuer: string): readonly LedgerIssuerKey[] {
    return this.#state.issuers.get(issuer) ?? [];
  }

  /** The entry with which an admin in force began. */
  adminSince(key: string): number | undefined {
    return this.#state.adminSince.get(key);
  }

  /** What admins signed beside this chain and nobody has resolved; null when there is none. */
  get fork(): LedgerFork | null {
    return this.#beside.fork;
  }

  /** Everything known beside the chain, to be kept and given to `open` again; null when there is nothing. */
  get evidence(): LedgerEvidence | null {
    return this.#beside.evidence(this.head.seq);
  }

  /** Grows with everything that changes what the ledger says, the chain or what lies beside it. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether a proposal (approval.ts) has led to an entry. */
  isCarriedOut(proposal: string): boolean {
    return this.#state.carriedOut.has(proposal);
  }

  /** An entry of the chain or beside it, by its hash. */
  byHash(hash: string): string | undefined {
    const seq = this.#hashes.lastIndexOf(hash);
    return seq < 0 ? this.#beside.branches.get(hash)?.jws : this.#entries[seq];
  }

  /** The newest entries of branches that count beside the chain. */
  get tips(): readonly LedgerHead[] {
    return this.#beside.tips;
  }

  /** Hashes of entries beside the chain that are named there and not known. */
  get missing(): readonly string[] {
    return this.#beside.missing;
  }

  /** What the newest `node` entry says of this node. */
  nodeSettings(nodeId: string): NodeSettings | undefined {
    return this.#state.nodes.get(nodeId);
  }

  /** The node that a `node` entry gave this name or IPv4 address. */
  holderOf(field: "name" | "ipv4", value: string): string | undefined {
    return this.#state.holders[field].get(value);
  }

  /** Whether a key was revoked, by this chain or a branch of it; revocations are for good. */
  isRevoked(what: Revocable, key: string): boolean {
    return this.#state.revoked[what].has(key) || this.#beside.overlay.revoked[what].has(key);
  }
}
