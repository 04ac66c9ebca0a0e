/**
 * A network's ledger, checked: one chain of entries from genesis on, held in memory.
 *
 * Each entry must be signed by an admin in force at its place, carry the network's id, follow its predecessor by number and
 * hash, not be dated before it by more than the clocks may differ, and be of a kind that this version enforces. In this
 * version the admins are those of genesis, because changes of admins are refused until quorums are.
 *
 * Checks that need the platform's crypto are asynchronous and depend on the entry alone; everything that depends on the
 * chain happens after them in one synchronous step, so appends that overlap cannot mix and a refusal changes nothing.
 */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import {
  type GrantBody,
  LEDGER_TYP,
  type LedgerBody,
  type LedgerEntry,
  ledgerEntry,
  type LedgerHead,
  type LedgerKind,
  type RouteBody,
} from "../wire/ledger.ts";
import { key32, parse } from "../wire/schema.ts";
import { networkPrefix6 } from "./address.ts";
import { QUORUM_KINDS, readApprovals } from "./approval.ts";
import { signJws, verifyJws } from "./jws.ts";
import { hashOf, networkIdOf, nodeIdOf, type SigningKey } from "./keys.ts";
import { type Effect, type LedgerPolicy, LedgerState, type NodeSettings, type Revocable } from "./ledger_state.ts";

export type { LedgerPolicy, NodeSettings, Revocable };

/** What genesis says of a network. */
export interface NetworkInfo {
  readonly id: string;
  readonly name: string;
  readonly suffix: string;
  readonly ipv4: string;
  readonly quorum: number;
}

/** Everything about an entry that follows from its text alone. */
interface CheckedEntry {
  jws: string;
  place: string;
  hash: string;
  signer: string;
  entry: LedgerEntry;
  approvers: string[];
  /** Id of the node that a `revoke` names. */
  node: string | undefined;
}

async function check(jws: string, place: string): Promise<CheckedEntry> {
  const { key, payload } = await verifyJws(jws, { typ: LEDGER_TYP, place });
  const entry = parse(ledgerEntry, payload, place, "bad_ledger");
  const { body } = payload as { body: object };
  const approvers = entry.approvals === undefined
    ? []
    : await readApprovals({ ...entry, body }, entry.approvals, place);
  const revokesNode = entry.kind === "revoke" && entry.body.what === "node" && key32.safeParse(entry.body.key).success;
  const node = revokesNode ? await nodeIdOf(entry.body.key) : undefined;
  return { jws, place, hash: await hashOf(jws), signer: key, entry, approvers, node };
}

// Enough to keep the crypto threads busy, few enough that a bad chain is given up early.
const CHUNK = 256;

/** The verified chain of one network. */
export class Ledger {
  readonly network: NetworkInfo;
  readonly #state: LedgerState;
  readonly #entries: string[];
  readonly #hashes: string[];
  #lastIat: number;

  private constructor(genesis: CheckedEntry, id: string, state: LedgerState) {
    const { name, suffix, ipv4, quorum } = state.genesis;
    this.network = Object.freeze({ id, name, suffix, ipv4, quorum });
    this.#state = state;
    this.#entries = [genesis.jws];
    this.#hashes = [genesis.hash];
    this.#lastIat = genesis.entry.iat;
  }

  /**
   * Checks a whole chain, genesis first. `net` is the network that it has to be.
   * @throws GhostError `bad_signature`, `bad_ledger`, `wrong_network`, `not_supported`; the place tells which entry
   */
  static async open(entries: readonly string[], o: { net?: string } = {}): Promise<Ledger> {
    if (entries[0] === undefined) throw new GhostError("bad_ledger", "No entries", { place: "ledger" });
    const ledger = await Ledger.#found(entries[0], o.net);
    for (let at = 1; at < entries.length; at += CHUNK) {
      const chunk = entries.slice(at, at + CHUNK);
      // All settled before any is looked at, so that the first fault in the chain is the one told.
      const checked = await Promise.allSettled(chunk.map((jws, i) => check(jws, `ledger[${at + i}]`)));
      for (const result of checked) {
        if (result.status === "rejected") throw result.reason;
        ledger.#follow(result.value, "bad_ledger");
      }
    }
    return ledger;
  }

  static async #found(jws: string, net: string | undefined): Promise<Ledger> {
    const place = "ledger[0]";
    const id = await networkIdOf(jws);
    if (net !== undefined && id !== net) {
      throw new GhostError("wrong_network", `Expected network ${net}, found ${id}`, { place });
    }
    const genesis = await check(jws, place);
    if (genesis.entry.kind !== "genesis") throw bad("A ledger begins with genesis", `${place}.kind`);
    const { seq, prev, net: claimed, approvals, body } = genesis.entry;
    if (seq !== 0 || prev !== "" || claimed !== "" || approvals !== undefined) {
      throw bad("Genesis has seq 0, no prev, no net and no approvals", place);
    }
    const state = new LedgerState(body, await networkPrefix6(id));
    if (!state.admins.has(genesis.signer)) throw bad("Signed by a key that is not an admin", place);
    return new Ledger(genesis, id, state);
  }

  /**
   * Adds an entry. One that is here already changes nothing.
   * @throws GhostError `ledger_moved` when it does not continue this chain, `ledger_fork` when an admin signed another entry
   * for a place that is taken, `bad_ledger`, `bad_signature`, `wrong_network`, `not_supported`, `name_taken`,
   * `address_taken`; the ledger is then as before
   */
  async append(jws: string): Promise<LedgerEntry> {
    const checked = await check(jws, "entry");
    if (this.#entries[checked.entry.seq] !== jws) this.#follow(checked, "ledger_moved");
    return checked.entry;
  }

  /** The synchronous half: everything that depends on the chain. */
  #follow(checked: CheckedEntry, moved: "ledger_moved" | "bad_ledger"): void {
    const { entry, place, signer } = checked;
    if (entry.kind === "genesis" || entry.net !== this.network.id) {
      throw new GhostError("wrong_network", `Not an entry of network ${this.network.id}`, { place: `${place}.net` });
    }
    if (!this.isAdmin(signer)) throw bad("Signed by a key that is not an admin", place);
    this.#checkQuorum(checked);
    const { seq: head, hash } = this.head;
    if (entry.seq <= head && moved === "ledger_moved") {
      throw new GhostError("ledger_fork", `Admin ${signer} signed a second entry ${entry.seq}`, {
        place: `${place}.seq`,
        mend: "keep both entries as proof and find out who uses that key",
      });
    }
    const mend = moved === "ledger_moved" ? { mend: "fetch the entries in between and sign anew" } : {};
    if (entry.seq !== head + 1) {
      throw new GhostError(moved, `Expected entry ${head + 1}, found ${entry.seq}`, { place: `${place}.seq`, ...mend });
    }
    if (entry.prev !== hash) {
      throw new GhostError(moved, `Does not follow entry ${head}`, { place: `${place}.prev`, ...mend });
    }
    if (entry.iat < this.#lastIat - MAX_CLOCK_SKEW) {
      throw bad(`Dated ${this.#lastIat - entry.iat} s before its predecessor`, `${place}.iat`);
    }
    this.#state.apply({ seq: entry.seq, place, kind: entry.kind, body: entry.body, node: checked.node } as Effect);
    this.#entries.push(checked.jws);
    this.#hashes.push(checked.hash);
    this.#lastIat = entry.iat;
  }

  #checkQuorum({ entry, place, signer, approvers }: CheckedEntry): void {
    const consenting = new Set([signer, ...approvers]);
    if (consenting.size !== approvers.length + 1) throw bad("An admin consents twice", `${place}.approvals`);
    for (const [i, key] of approvers.entries()) {
      if (!this.isAdmin(key)) throw bad("Consent of a key that is not an admin", `${place}.approvals[${i}]`);
    }
    const { quorum } = this.network;
    if (QUORUM_KINDS.has(entry.kind) && consenting.size < quorum) {
      throw bad(`Needs the consent of ${quorum} admins, has ${consenting.size}`, `${place}.approvals`);
    }
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
    return this.#state.grants;
  }

  /** The grant in force with this key; of two entries for one key the newer counts. */
  grant(key: string): GrantBody | undefined {
    return this.#state.grants.get(key);
  }

  /** Routes in force. */
  get routes(): readonly RouteBody[] {
    return [...this.#state.routes.values()];
  }

  /** What the newest `node` entry says of this node. */
  nodeSettings(nodeId: string): NodeSettings | undefined {
    return this.#state.nodes.get(nodeId);
  }

  /** The node that a `node` entry gave this name or IPv4 address. */
  holderOf(field: "name" | "ipv4", value: string): string | undefined {
    return this.#state.holders[field].get(value);
  }

  /** Whether a key was revoked; revocations are for good. */
  isRevoked(what: Revocable, key: string): boolean {
    return this.#state.revoked[what].has(key);
  }
}

function bad(message: string, place: string): GhostError {
  return new GhostError("bad_ledger", message, { place });
}

/** What `signEntry` signs: `ledger` is null for genesis; `iat` in seconds. */
export interface SignEntryOptions<K extends LedgerKind> {
  ledger: Ledger | null;
  admin: SigningKey;
  kind: K;
  body: LedgerBody<K>;
  iat: number;
  approvals?: string[];
}

/**
 * Signs the entry that comes next in a ledger. It is not appended.
 * @throws GhostError `bad_ledger` when the body is malformed
 */
export async function signEntry<K extends LedgerKind>(o: SignEntryOptions<K>): Promise<string> {
  const head = o.ledger?.head;
  const payload = {
    v: 1,
    net: o.ledger?.network.id ?? "",
    seq: head ? head.seq + 1 : 0,
    prev: head?.hash ?? "",
    iat: o.iat,
    kind: o.kind,
    body: o.body,
    ...(o.approvals ? { approvals: o.approvals } : {}),
  };
  parse(ledgerEntry, payload, "entry", "bad_ledger");
  return await signJws(payload, { typ: LEDGER_TYP, key: o.admin });
}
