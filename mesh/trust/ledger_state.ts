/**
 * What the entries of a ledger add up to. One function per kind; each checks everything before it changes anything, so that an
 * entry that is refused leaves no trace. What this version cannot enforce is refused, never skipped.
 */
import { CERTIFICATE_NAME } from "../wire/admit.ts";
import { GhostError } from "../wire/errors.ts";
import type {
  GateBody,
  GenesisBody,
  GrantBody,
  LedgerBody,
  LedgerKind,
  RevokeBody,
  RouteBody,
} from "../wire/ledger.ts";
import { key32, nodeId as nodeIdSchema } from "../wire/schema.ts";
import { checkSigningKey } from "./keys.ts";
import { bad } from "./ledger_types.ts";
import { contains, containsAddress, type Prefix, readPrefix } from "./prefix.ts";

/** The signed policy in force, the entry it came with, and the policy that it took the place of. */
export type LedgerPolicy = LedgerBody<"policy"> & { seq: number; readonly before?: LedgerPolicy | null };

/** What a `node` entry says of a node; the newest entry stands alone, so leaving a field out ends what an older one set. */
export type NodeSettings = LedgerBody<"node">;
/** What an admin can revoke. */
export type Revocable = RevokeBody["what"];

/** A signing key of an identity provider; `seen`: the last time (seconds) that it was known to be in use, null: it is now. */
export interface LedgerIssuerKey {
  jwk: JsonWebKey & { kid?: string };
  seen: number | null;
}

/** An entry's body with what had to be computed from it before. */
export type Effect =
  & {
    seq: number;
    place: string;
    iat: number;
    /** False for an `issuer` entry by a watcher that the policy names. */
    byAdmin: boolean;
    /** The hash of the chain's entry with a number. */
    hashAt(seq: number): string | undefined;
  }
  & {
    [K in LedgerKind]: { kind: K; body: LedgerBody<K>; /** Id of a revoked node. */ node: string | undefined };
  }[LedgerKind];

type Apply<K extends LedgerKind> = (s: LedgerState, e: Effect & { kind: K; body: LedgerBody<K> }) => void;

/** The sum of all entries so far. */
export class LedgerState {
  readonly genesis: GenesisBody;
  readonly range4: Prefix;
  readonly range6: Prefix;
  readonly admins: Map<string, { name: string }>;
  readonly grants: Map<string, GrantBody> = new Map();
  readonly routes: Map<string, RouteBody> = new Map();
  readonly nodes: Map<string, NodeSettings> = new Map();
  /** Which node a `node` entry gave a name or an IPv4 address. */
  readonly holders: Record<"name" | "ipv4", Map<string, string>> = { name: new Map(), ipv4: new Map() };
  readonly revoked: Record<Revocable, Set<string>> = {
    node: new Set(),
    grant: new Set(),
    gate: new Set(),
    certificate: new Set(),
  };
  readonly revokedNodeIds: Set<string> = new Set();
  /** What revoked grants said: the policy may keep who came in by them and was confirmed by an admin since. */
  readonly revokedGrants: Map<string, GrantBody> = new Map();
  /** The entry that a grant came with. */
  readonly grantSeq: Map<string, number> = new Map();
  /** The entry with which an admin began. */
  readonly adminSince: Map<string, number> = new Map();
  readonly gates: Map<string, GateBody> = new Map();
  /** Identity keys of gates that are being emptied. */
  readonly draining: Set<string> = new Set();
  readonly issuers: Map<string, LedgerIssuerKey[]> = new Map();
  /** Hashes of entries that a `resolve` took out. */
  readonly dropped: Set<string> = new Set();
  /** Proposals that were carried out, so that no consent counts twice. */
  readonly carriedOut: Set<string> = new Set();
  quorum: number;
  policy: LedgerPolicy | null = null;

  /** @throws GhostError `bad_ledger` when genesis contradicts itself */
  constructor(genesis: GenesisBody, prefix6: string) {
    const place = "ledger[0].body";
    this.genesis = genesis;
    this.admins = new Map(genesis.admins.map(({ key, name }) => [key, { name }]));
    if (this.admins.size !== genesis.admins.length) throw bad("An admin is named twice", `${place}.admins`);
    for (const [i, { key }] of genesis.admins.entries()) checkSigningKey(key, `${place}.admins[${i}].key`);
    for (const key of this.admins.keys()) this.adminSince.set(key, 0);
    this.quorum = genesis.quorum;
    if (genesis.quorum > this.admins.size) throw bad("The quorum exceeds the number of admins", `${place}.quorum`);
    this.range4 = readPrefix(genesis.ipv4, { place: `${place}.ipv4`, code: "bad_ledger" });
    if (this.range4.address.kind() !== "ipv4" || this.range4.length < 8 || this.range4.length > 29) {
      throw bad("Expected an IPv4 prefix of length 8 to 29", `${place}.ipv4`);
    }
    this.range6 = readPrefix(prefix6, { place, code: "bad_ledger" });
  }

  /** Replaces what was said of a node; undefined says nothing more of it. */
  setNode(id: string, settings: NodeSettings | undefined): void {
    const before = this.nodes.get(id);
    for (const field of ["name", "ipv4"] as const) {
      if (before?.[field] !== undefined) this.holders[field].delete(before[field]);
      if (settings?.[field] !== undefined) this.holders[field].set(settings[field], id);
    }
    if (settings) this.nodes.set(id, settings);
    else this.nodes.delete(id);
  }

  /** @throws GhostError `bad_ledger`, `name_taken`, `address_taken`; the state is then unchanged */
  apply(effect: Effect): void {
    (KINDS[effect.kind] as Apply<LedgerKind>)(this, effect);
  }
}

const MAX_ADMINS = 64;
const MAX_ISSUER_KEYS = 64;

const KINDS: { [K in LedgerKind]: Apply<K> } = {
  genesis(_, { place }) {
    throw bad("A ledger has one genesis", `${place}.kind`);
  },

  admin(s, { body, place, seq }) {
    const { op, key, name, quorum } = body;
    const known = s.admins.has(key);
    if (op === "add") checkSigningKey(key, `${place}.body.key`);
    else if (!known) throw bad("Not an admin", `${place}.body.key`);
    const size = s.admins.size + (op === "remove" ? -1 : known ? 0 : 1);
    if (size === 0) throw bad("The last admin stays", `${place}.body.key`);
    if (size > MAX_ADMINS) throw bad(`More than ${MAX_ADMINS} admins`, `${place}.body.key`);
    if (quorum > size) throw bad("The quorum exceeds the number of admins", `${place}.body.quorum`);
    s.quorum = quorum;
    if (op === "remove") {
      s.admins.delete(key);
      s.adminSince.delete(key);
    } else {
      s.admins.set(key, { name });
      if (!known) s.adminSince.set(key, seq);
    }
  },

  gate(s, { body, place }) {
    checkSigningKey(body.key, `${place}.body.key`);
    if (s.revoked.gate.has(body.key)) throw bad("This gate was revoked for good", `${place}.body.key`);
    s.gates.set(body.key, body);
  },

  drain(s, { body, place }) {
    checkSigningKey(body.gate, `${place}.body.gate`);
    if (s.revoked.gate.has(body.gate)) throw bad("This gate was revoked for good", `${place}.body.gate`);
    if (body.on) s.draining.add(body.gate);
    else s.draining.delete(body.gate);
  },

  issuer(s, { body, iat, byAdmin }) {
    const fresh = body.jwks.map((jwk): LedgerIssuerKey => ({ jwk: jwk as LedgerIssuerKey["jwk"], seen: null }));
    if (byAdmin) return void s.issuers.set(body.issuer, fresh);
    // A watcher only tells what it saw: what an admin or an earlier sight named stays, as good as until now.
    const names = new Set(fresh.map(({ jwk }) => JSON.stringify(jwk)));
    const before = (s.issuers.get(body.issuer) ?? []).filter(({ jwk }) => !names.has(JSON.stringify(jwk)));
    const kept = before.map(({ jwk, seen }) => ({ jwk, seen: seen ?? iat }));
    s.issuers.set(body.issuer, [...fresh, ...kept].slice(0, MAX_ISSUER_KEYS));
  },

  resolve(s, { body, place, hashAt }) {
    if (hashAt(body.seq) !== body.keep) throw bad(`Not this chain's entry ${body.seq}`, `${place}.body.keep`);
    if (body.drop.includes(body.keep)) throw bad("Kept and dropped at once", `${place}.body.drop`);
    for (const hash of body.drop) s.dropped.add(hash);
  },

  policy(s, { seq, body }) {
    // Not enumerable: a policy is compared and told without its past.
    s.policy = Object.defineProperty({ seq, ...body }, "before", { value: s.policy });
  },

  grant(s, { body, place, seq }) {
    checkSigningKey(body.key, `${place}.body.key`);
    if (s.revoked.grant.has(body.key)) throw bad("This grant was revoked for good", `${place}.body.key`);
    for (const [i, p] of body.prefixes.entries()) {
      readPrefix(p, { place: `${place}.body.prefixes[${i}]`, code: "bad_ledger" });
    }
    s.grants.set(body.key, body);
    s.grantSeq.set(body.key, seq);
  },

  route(s, { body, place }) {
    const at = `${place}.body.prefix`;
    const prefix = readPrefix(body.prefix, { place: at, code: "bad_ledger" });
    if (contains(s.range4, prefix) || contains(s.range6, prefix)) {
      throw bad(`"${body.prefix}" lies within the network's own addresses`, at);
    }
    let usable = true;
    if (body.lan !== undefined) {
      const lan = readPrefix(body.lan, { place: `${place}.body.lan`, code: "bad_ledger" });
      if (lan.address.kind() !== prefix.address.kind() || lan.length !== prefix.length || lan.length === 0) {
        throw bad(`"${body.lan}" and "${body.prefix}" must be of one family and length`, `${place}.body.lan`);
      }
      // An alias of the network's own addresses would lead past the policy, by the carrier's. Such an entry may be in a chain
      // already, so it is not refused, but no route comes of it.
      usable = ![s.range4, s.range6].some((own) => contains(own, lan) || contains(lan, own));
    }
    const key = `${body.prefix} ${body.node}`;
    if (body.op === "remove") return void s.routes.delete(key);
    refuseRevoked(s, body.node, place);
    if (usable) s.routes.set(key, body);
    else s.routes.delete(key);
  },

  node(s, { body, place }) {
    refuseRevoked(s, body.node, place);
    if (body.name !== undefined) {
      const at = `${place}.body.name`;
      if (looksLikeId(body.name)) throw bad("A name must not look like an id", at);
      const holder = s.holders.name.get(body.name);
      if (holder !== undefined && holder !== body.node) {
        throw new GhostError("name_taken", `"${body.name}" is the name of node ${holder}`, { place: at });
      }
    }
    if (body.ipv4 !== undefined) {
      const at = `${place}.body.ipv4`;
      if (!containsAddress(s.range4, body.ipv4)) throw bad(`"${body.ipv4}" is not in ${s.range4.text}`, at);
      const holder = s.holders.ipv4.get(body.ipv4);
      if (holder !== undefined && holder !== body.node) {
        throw new GhostError("address_taken", `${body.ipv4} is the address of node ${holder}`, { place: at });
      }
    }
    s.setNode(body.node, body);
  },

  revoke(s, { body, place, node }) {
    if (body.what === "certificate") {
      if (!CERTIFICATE_NAME.test(body.key)) {
        throw bad("Expected a certificate as ISSUER-NAME-HASH:SERIAL in lower-case hex", `${place}.body.key`);
      }
    } else if (!key32.safeParse(body.key).success) {
      throw bad("Expected a key of 32 bytes in base64url", `${place}.body.key`);
    }
    s.revoked[body.what].add(body.key);
    if (body.what === "gate") {
      s.gates.delete(body.key);
      s.draining.delete(body.key);
    }
    if (body.what === "grant") {
      const grant = s.grants.get(body.key);
      if (grant) s.revokedGrants.set(body.key, grant);
      s.grants.delete(body.key);
    }
    if (body.what !== "node" || node === undefined) return;
    s.revokedNodeIds.add(node);
    s.setNode(node, undefined);
    for (const [key, route] of s.routes) if (route.node === node) s.routes.delete(key);
  },
};

function refuseRevoked(s: LedgerState, node: string, place: string): void {
  if (s.revokedNodeIds.has(node)) throw bad(`Node ${node} was revoked for good`, `${place}.body.node`);
}

/** Whether a name could be taken for some machine's id. */
export function looksLikeId(name: string): boolean {
  return nodeIdSchema.safeParse(name).success;
}
