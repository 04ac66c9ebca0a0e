/**
 * The ledger's entries: one append-only chain of signed statements per network (DESIGN, Trust).
 * An entry is a compact JWS of typ `ghostmesh-ledger+jwt` by an admin's Ed25519 key; its header carries that key as `jwk`.
 * The hash of an entry is the SHA-256 of the JWS as received. All kinds have their format from the first day, so that
 * chains never need to change; what a version cannot enforce it refuses, never skips.
 */
import { jws, key32, label, nodeId, prefix, seconds, tag, z } from "./schema.ts";

/** The `typ` of an entry. */
export const LEDGER_TYP = "ghostmesh-ledger+jwt";
/** Another admin's consent to an entry, for changes that need a quorum. */
export const APPROVAL_TYP = "ghostmesh-approval+jwt";

const text = (max: number) => z.string().max(max);

const genesis = z.strictObject({
  name: label,
  /** DNS suffix of the network: `home.ghost`. */
  suffix: text(253).regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/),
  admins: z.array(z.strictObject({ key: key32, name: text(64) })).min(1).max(64),
  quorum: z.int().min(1).max(64),
  ipv4: prefix,
  /** Random, so that two networks of one name and admin differ. */
  salt: key32,
});
/** An admin comes or goes; `quorum` is that from this entry on. */
export const adminBody = z.strictObject({
  op: z.enum(["add", "remove"]),
  key: key32,
  name: text(64),
  quorum: z.int().min(1).max(64),
});
/** Local imports of a policy.ts: how many, and characters of each. */
export const MAX_IMPORTS = 64;
export const MAX_IMPORT = 65_536;
const policy = z.strictObject({
  /** The whole source, so that every node compiles it itself. `computed` holds the document a policy.ts produced. */
  format: z.enum(["toml", "ts"]),
  source: text(900_000),
  computed: text(900_000).optional(),
  /** Files that the source names (such as a CA's certificate), as they were when it was signed. */
  files: z.record(text(255), text(65_536)).optional(),
  /** What a policy.ts imports from beside it, by path. */
  imports: z.record(text(255), text(MAX_IMPORT)).refine((all) => Object.keys(all).length <= MAX_IMPORTS, {
    error: `Expected at most ${MAX_IMPORTS} imports`,
  }).optional(),
});
const grant = z.strictObject({
  /** The public half of the key that the join token holds. */
  key: key32,
  tags: z.array(tag).max(32),
  user: text(254).optional(),
  prefixes: z.array(prefix).max(64),
  ephemeral: z.boolean(),
  /** True admits gates, false admits nodes; never both. */
  gate: z.boolean(),
  expires: seconds.nullable(),
  uses: z.int().min(1).max(1_000_000).nullable(),
});
const gate = z.strictObject({
  key: key32,
  name: label,
  region: text(64),
  addresses: z.array(text(253)).min(1).max(16),
});
/** Whether a gate (its identity key) is being emptied: machines go elsewhere and nobody comes, where there is another one. */
const drain = z.strictObject({ gate: key32, on: z.boolean() });
const route = z.strictObject({
  op: z.enum(["add", "remove"]),
  prefix,
  /** Id of the node that carries it. */
  node: nodeId,
  metric: z.int().min(0).max(65535),
  snat: z.boolean(),
  /** The network's own prefix behind the carrier, when `prefix` is only its name in the mesh: of the same length, mapped one to one. */
  lan: prefix.optional(),
});
const node = z.strictObject({
  node: nodeId,
  name: label.optional(),
  tags: z.array(tag).max(32).optional(),
  ipv4: z.ipv4().optional(),
  expires: seconds.optional(),
});
/** The newest entry of an admin replaces what was known of an issuer; one of a watcher (a key that the policy names) adds. */
const issuer = z.strictObject({ issuer: text(2048), jwks: z.array(z.record(z.string().max(64), z.unknown())).max(64) });
/** Which of several entries with number `seq` counts; by their hashes. */
export const resolveBody = z.strictObject({ seq: z.int().min(1), keep: key32, drop: z.array(key32).min(1).max(16) });
const revoke = z.strictObject({
  what: z.enum(["node", "grant", "gate", "certificate"]),
  /**
   * The revoked public key; of a certificate its name (CERTIFICATE_NAME in admit.ts). Never a hash over a signature: a key
   * has one spelling (Nebula CVE-2026-25793).
   */
  key: text(2048),
  reason: text(512).optional(),
});

const BODIES = {
  genesis,
  admin: adminBody,
  policy,
  grant,
  gate,
  drain,
  route,
  node,
  issuer,
  resolve: resolveBody,
  revoke,
};

/** What an entry may be. */
export type LedgerKind = keyof typeof BODIES;
/** The body of an entry of this kind. */
export type LedgerBody<K extends LedgerKind = LedgerKind> = z.infer<(typeof BODIES)[K]>;
export type GenesisBody = LedgerBody<"genesis">;
export type GateBody = LedgerBody<"gate">;
export type GrantBody = LedgerBody<"grant">;
export type RouteBody = LedgerBody<"route">;
export type RevokeBody = LedgerBody<"revoke">;

const common = {
  v: z.literal(1),
  /** Network id; empty in genesis only, whose hash is the network id. */
  net: z.union([z.literal(""), z.string().length(32)]),
  seq: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** Hash of the entry before, base64url; empty in genesis only. */
  prev: z.union([z.literal(""), key32]),
  iat: seconds,
  /** Consents of other admins, JWS of typ APPROVAL_TYP (trust/approval.ts). */
  approvals: z.array(jws).max(64).optional(),
};

/** An entry's payload. */
export const ledgerEntry = z.discriminatedUnion("kind", [
  z.strictObject({ ...common, kind: z.literal("genesis"), body: genesis }),
  z.strictObject({ ...common, kind: z.literal("admin"), body: adminBody }),
  z.strictObject({ ...common, kind: z.literal("policy"), body: policy }),
  z.strictObject({ ...common, kind: z.literal("grant"), body: grant }),
  z.strictObject({ ...common, kind: z.literal("gate"), body: gate }),
  z.strictObject({ ...common, kind: z.literal("drain"), body: drain }),
  z.strictObject({ ...common, kind: z.literal("route"), body: route }),
  z.strictObject({ ...common, kind: z.literal("node"), body: node }),
  z.strictObject({ ...common, kind: z.literal("issuer"), body: issuer }),
  z.strictObject({ ...common, kind: z.literal("resolve"), body: resolveBody }),
  z.strictObject({ ...common, kind: z.literal("revoke"), body: revoke }),
]);
export type LedgerEntry = z.infer<typeof ledgerEntry>;

/**
 * What those who hold a ledger send each other (trust/exchange.ts). One list for peers and for gate sessions.
 * A `piece` is a part of an entry that is too large for one message; `want` asks for one, and names the entry by its hash.
 */
export const ledgerMessages = [
  z.strictObject({ t: z.literal("entries"), entries: z.array(jws).min(1).max(64) }),
  z.strictObject({ t: z.literal("want"), hash: key32, part: z.int().min(0).max(1000) }),
  z.strictObject({
    t: z.literal("piece"),
    hash: key32,
    part: z.int().min(0).max(1000),
    of: z.int().min(1).max(1000),
    text: z.string().min(1).max(8_000),
  }),
] as const;
const ledgerMessage = z.discriminatedUnion("t", [...ledgerMessages]);
export type LedgerMessage = z.infer<typeof ledgerMessage>;

/** Entries that contradict the chain one holds, and the head it had when the first of them was seen. */
export const ledgerEvidence = z.strictObject({ seen: z.int().min(0), entries: z.array(jws).max(1024) });
export type LedgerEvidence = z.infer<typeof ledgerEvidence>;

/** The newest entry that somebody knows of. */
export const ledgerHead = z.strictObject({ seq: z.int().min(0), hash: key32 });
export type LedgerHead = z.infer<typeof ledgerHead>;
