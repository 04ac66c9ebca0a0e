/**
 * The daemon's local API, HTTP over its unix socket; the shapes are those of ghostctl's `--json` without `version`.
 *
 * | request | answer |
 * |---|---|
 * | GET /v1/status | Status |
 * | GET /v1/peers | {peers: Peer[]} |
 * | POST /v1/ping {peer, count} | {replies: [{seq, rttMs|null, rung}]} over the tunnel |
 * | POST /v1/join JoinRequest | {name, id, addresses} |
 * | POST /v1/login {idToken} | {}; a new log-in of this machine |
 * | POST /v1/keys/rotate | {wg: new key, acknowledged: number, peers: number} |
 * | GET /v1/routes | {routes: RouteRow[]} |
 * | GET /v1/ledger?from=N | {entries, head}: a page of this node's verified ledger |
 * | POST /v1/ledger {entries} | {added, head}: checked as entries from anywhere, and handed on |
 * | GET /v1/ledger/fork | {fork: {seq, entries} or null}: what contradicts the ledger |
 *
 * Every request carries `Authorization: Bearer <secret>`; the secret lies in `token` beside the socket, in a folder of mode 0700.
 */
import { ledgerHead } from "./ledger.ts";
import { jws, z } from "./schema.ts";

/** Rungs of the path ladder, best first; `none` is no path at all. A link may have more of them (link/host/transports.ts). */
export const RUNGS = ["direct", "lane", "quic", "turn", "none"] as const;
export type Rung = (typeof RUNGS)[number] | (string & Record<never, never>);
const rung = z.string().max(16) as z.ZodType<Rung>;

export const localPeer = z.object({
  name: z.string(),
  id: z.string(),
  addresses: z.array(z.string()),
  online: z.boolean(),
  path: z.object({
    rung,
    endpoint: z.string().nullable(),
    rttMs: z.number().nullable(),
    /** RFC 3339 time of the last change of rung. */
    since: z.string().nullable(),
  }),
  rxBytes: z.number(),
  txBytes: z.number(),
  /** RFC 3339 time of the last WireGuard handshake. */
  lastHandshake: z.string().nullable(),
});
export type LocalPeer = z.infer<typeof localPeer>;

export const localStatus = z.object({
  self: z.object({ name: z.string(), id: z.string(), addresses: z.array(z.string()), interface: z.string() }),
  network: z.object({
    id: z.string(),
    name: z.string(),
    server: z.string(),
    connected: z.boolean(),
    ledgerSeq: z.number(),
  }),
  gates: z.array(z.object({
    name: z.string(),
    id: z.string(),
    region: z.string(),
    connected: z.boolean(),
    rttMs: z.number().nullable(),
  })),
  /** Sentences that a person should read: what is wrong and what to do. */
  warnings: z.array(z.string()),
});
export type LocalStatus = z.infer<typeof localStatus>;

export const localPingRequest = z.object({
  peer: z.string().min(1).max(253),
  count: z.int().min(1).max(1000).default(1),
});
export const localPingAnswer = z.object({
  name: z.string(),
  address: z.string(),
  replies: z.array(z.object({ seq: z.number(), rttMs: z.number().nullable(), rung })),
});

export const localJoinRequest = z.object({
  server: z.string().max(512).optional(),
  auth: z.string().max(4096),
  name: z.string().max(63).optional(),
});
/** A new log-in of this machine. */
export const localLoginRequest = z.object({ idToken: jws });
export const localJoinAnswer = z.object({ name: z.string(), id: z.string(), addresses: z.array(z.string()) });
export const localRotateAnswer = z.object({ wg: z.string(), acknowledged: z.number(), peers: z.number() });
export const localLedger = z.object({ entries: z.array(jws).max(1000), head: ledgerHead });
export const localEntries = z.object({ entries: z.array(jws).min(1).max(64) });
export const localEntriesAnswer = z.object({ added: z.number(), head: ledgerHead });
export const localFork = z.object({
  fork: z.object({ seq: z.int().min(1), entries: z.array(jws).max(4096) }).nullable(),
});
export const localRoutes = z.object({
  routes: z.array(z.object({
    prefix: z.string(),
    via: z.string(),
    node: z.string(),
    metric: z.number(),
    snat: z.boolean(),
    /** False when this machine does not use it; `reason` says why. */
    active: z.boolean(),
    reason: z.string().nullable(),
  })),
});
