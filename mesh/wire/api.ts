/**
 * The coordinator's HTTP interface, version 1: paths, bodies and the request proof. Errors are RFC 9457 problems (errors.ts).
 *
 * | request | by | answer |
 * |---|---|---|
 * | GET /healthz | anybody | `{"ok":true}` |
 * | GET /v1/server | anybody | ServerInfo |
 * | POST /v1/setup | holder of the set-up code | SetupRequest -> LedgerHead |
 * | GET /v1/ledger?from=N | admin, node, gate, holder of a grant key | LedgerPage |
 * | POST /v1/ledger | admin, node, gate | AppendRequest -> LedgerHead |
 * | POST /v1/nodes | the node itself | RecordRequest -> RecordAnswer |
 * | GET /v1/nodes | admin: all; node: those it may see | RecordList |
 * | POST /v1/gates, GET /v1/gates | the gate itself; anybody admitted | as nodes |
 * | GET /v1/sync | node, gate | server-sent events, see SyncEvent |
 * | POST /v1/mail | node, gate | MailRequest -> `{}` (delivered by sync; kept a minute) |
 * | POST /v1/oidc/start, /v1/oidc/answer | any key, for its own log-in | see server/routes/oidc.ts, which also serves the pages |
 * | GET /v1/policy/draft | admin, or holder of the set-up code (`Authorization: Setup <secret base64url>`) | PolicyDraft |
 */
import { jws, key32, label, networkId, nodeId, seconds, z } from "./schema.ts";
import { ledgerHead } from "./ledger.ts";

/** Default port of the coordinator. */
export const MESH_PORT = 7777;
/** The name that every self-made coordinator certificate carries; clients ask for it whatever address they dial. */
export const MESH_TLS_NAME = "coordinator.ghostmesh.internal";
/** Clocks may differ by this much, in seconds. */
export const MAX_CLOCK_SKEW = 300;
/** How long machines may come back to a coordinator that lost its store, in seconds. */
export const RECOVERY = 7 * 86_400;
/** Largest request body, in bytes. */
export const MAX_BODY = 1 << 20;

/** The `typ` of a request proof (RFC 9449 section 4.2). */
export const PROOF_TYP = "dpop+jwt";
/** Header that carries the request proof. */
export const PROOF_HEADER = "DPoP";

/**
 * The request proof: a DPoP-style JWS (RFC 9449 section 4.2) by the caller's key in the header's `jwk`. In place of the
 * whole URL, `htu` holds path and query, because the host differs behind proxies; `net` binds the network instead, and `bh` the body.
 */
export const requestProof = z.strictObject({
  htm: z.string().max(16),
  htu: z.string().max(2048),
  net: networkId,
  /** SHA-256 of the body, base64url; of no bytes when there is no body. */
  bh: key32,
  iat: seconds,
  jti: z.string().min(16).max(64),
});
export type RequestProof = z.infer<typeof requestProof>;

/** What a coordinator says of itself to anybody; `network` is null until it is claimed. */
export const serverInfo = z.object({
  version: z.string().max(32),
  claimed: z.boolean(),
  network: z.object({ id: networkId, name: z.string().max(63) }).nullable(),
  /** The server's clock in seconds. */
  time: seconds,
  authMethods: z.array(z.string().max(32)).max(16),
});
export type ServerInfo = z.infer<typeof serverInfo>;

/**
 * `secret` is the set-up code's secret in base64url; entries are genesis and the first policy. `recover` says that the network
 * has lived before: for RECOVERY seconds its machines come back by the proofs that admitted them, however old these are.
 */
export const setupRequest = z.strictObject({
  secret: z.string().max(64),
  entries: z.array(jws).min(1).max(8),
  recover: z.boolean().optional(),
});
/** Ledger entries that follow its head, in their order. */
export const appendRequest = z.strictObject({ entries: z.array(jws).min(1).max(64) });
/** A page of the ledger; `head` is that of all of it. */
export const ledgerPage = z.object({ entries: z.array(jws).max(1000), head: ledgerHead });
export type LedgerPage = z.infer<typeof ledgerPage>;
/** A node or gate record. */
export const recordRequest = z.strictObject({ record: jws });
/** `cursor` is where a sync that starts now would begin. */
export const recordAnswer = z.object({ id: nodeId, head: ledgerHead });
/** Records that the asker may see. */
export const recordList = z.object({ records: z.array(jws).max(100_000) });
const box = z.string().max(16_384);
/** Boxes of one request. */
export const MAX_BOXES = 8;
/** A box for the mailbox of a node or gate, or several that arrive in this order. */
export const mailRequest = z.strictObject({ to: nodeId, box: z.union([box, z.array(box).min(1).max(MAX_BOXES)]) });
/** `id` is SHA-256 of the log-in's `state`; `machine` is shown to whoever logs in. */
export const loginStart = z.strictObject({ id: key32, machine: label });
/** `user` is told once, when the machine knows who has logged in. */
export const loginAnswerRequest = z.strictObject({ id: key32, user: z.string().min(1).max(512).optional() });
/** What came back from the identity provider, null as long as nothing did. */
export const loginAnswer = z.object({
  answer: z.union([z.object({ code: z.string().max(4096) }), z.object({ error: z.string().max(512) })]).nullable(),
});
/** The policy file of a coordinator's own machine, not signed yet, and its SHA-256. */
export const policyDraft = z.object({ source: z.string().max(900_000), sha256: key32 });

/**
 * One server-sent event: `event:` is the type, `data:` JSON, `id:` the cursor to resume from (`Last-Event-ID`).
 * A stream without a cursor begins with a snapshot: all ledger entries from `?ledger=SEQ` on, all visible records, then `synced`.
 */
export const syncEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ledger"), entry: jws }),
  z.object({ type: z.literal("node"), record: jws }),
  /** No longer to be seen: it left, was revoked, or policy hides it. */
  z.object({ type: z.literal("node-gone"), id: nodeId }),
  z.object({ type: z.literal("gate"), record: jws }),
  z.object({ type: z.literal("gate-gone"), id: nodeId }),
  /** `kept` is how long the box has lain in the mailbox, in ms. */
  z.object({ type: z.literal("mail"), from: nodeId, box, kept: z.int().min(0).optional() }),
  /**
   * The reader is up to date. With `snapshot`, all that was sent since the stream began was the whole picture: what was not in
   * it no longer exists for this reader. Without, the stream was resumed and only what was missed came.
   */
  z.object({ type: z.literal("synced"), head: ledgerHead, snapshot: z.boolean() }),
]);
export type SyncEvent = z.infer<typeof syncEvent>;
