/**
 * The daemon's local API, HTTP over its unix socket; the shapes are those of ghostctl's `--json` without `version`.
 *
 * | request | answer |
 * |---|---|
 * | GET /v1/status | Status |
 * | GET /v1/peers | {peers: Peer[]} |
 * | POST /v1/ping {peer, count} | {replies: [{seq, rttMs|null, rung, endpoint, why}]} over the tunnel |
 * | POST /v1/join JoinRequest | {name, id, addresses} |
 * | POST /v1/login {idToken} or {admission} | {}; a new log-in of this machine, or a new token's proof |
 * | POST /v1/keys/rotate | {wg: new key, acknowledged: number, peers: number} |
 * | GET /v1/netcheck | Netcheck: this machine's network, looked at anew |
 * | POST /v1/debug/path {peer} | Path: candidates, pairs, timeline |
 * | GET /v1/routes | {routes: RouteRow[]} |
 * | POST /v1/routes/advertise {prefix, withdraw} | {changed, routes, approved}: what this machine announces from now on |
 * | GET /v1/exit | Exit: exit nodes, used and offered |
 * | POST /v1/exit {use: {node, lan, killSwitch} or null} or {offer: boolean} | Exit |
 * | GET /v1/dns | Dns: this machine's resolver |
 * | GET /v1/firewall | Firewall: what is in force, with counts |
 * | GET /v1/firewall/log | {flows: FirewallFlow[] or null}: what was dropped and logged lately |
 * | GET /v1/ledger?from=N | {entries, head}: a page of this node's verified ledger |
 * | POST /v1/ledger {entries} | {added, head}: checked as entries from anywhere, and handed on |
 * | GET /v1/ledger/fork | {fork: {seq, entries} or null}: what contradicts the ledger |
 * | GET /v1/whois?who=NAME | Whois: a machine by name, id or address; without `who` this machine |
 * | POST /v1/up, /v1/down | {state, changed} |
 * | POST /v1/leave {forget} | {name, told}: out of the network; `told` when the coordinator heard of it |
 * | GET /v1/settings, POST /v1/settings {name?, ssh?} | Settings |
 * | GET /v1/events?after=N, GET /v1/logs?after=N | server-sent events; `follow=0` ends with what there is |
 *
 * Every request carries `Authorization: Bearer <secret>`; the secret lies in `token` beside the socket, where only the daemon's
 * user (and group, if it has one) may read it. `read.sock` beside it answers anybody, GET /v1/status, /v1/peers and
 * /v1/firewall alone.
 *
 * An event's data is one line of JSON (LocalEvent, LocalLogLine), its id a running number; `event: lost` carries {lost: N},
 * how many the history no longer had.
 */
import { ledgerHead } from "./ledger.ts";
import { localExitUse } from "./local_exit.ts";
import { jws, label, prefix, z } from "./schema.ts";

/** Rungs of the path ladder, best first; `none` is no path at all. A link may have more of them (link/host/transports.ts). */
export const RUNGS = ["direct", "lane", "quic", "turn", "none"] as const;
/** A rung by its name. */
export type Rung = (typeof RUNGS)[number] | (string & Record<never, never>);
/** A rung as a message names it. */
export const rung = z.string().max(16) as z.ZodType<Rung>;

/** A machine that policy lets this one see, and how it is reached. */
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
    /** Why it is no better; null when it is direct. */
    why: z.string().nullable(),
  }),
  rxBytes: z.number(),
  txBytes: z.number(),
  /** RFC 3339 time of the last WireGuard handshake. */
  lastHandshake: z.string().nullable(),
});
export type LocalPeer = z.infer<typeof localPeer>;

/** This machine: who it is, where it is connected, and what a person should know. */
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
    /** What this machine uses it for; others find it at its home. */
    use: z.enum(["home", "standby", "session", "none"]),
    /** An admin moves everybody off it. */
    draining: z.boolean(),
  })),
  /** Where others find this machine, and why there (link/core/gates/homing.ts). */
  home: z.object({ gate: z.string().nullable(), why: z.string().nullable() }),
  /** Sentences that a person should read: what is wrong and what to do. */
  warnings: z.array(z.string()),
  /** The exit node in use; null without one. */
  exit: localExitUse.nullable(),
  /** `down`: the daemon runs, the tunnel does not, until `ghostctl up`. */
  state: z.enum(["up", "down"]).default("up"),
});
export type LocalStatus = z.infer<typeof localStatus>;

/** How often to ask a machine (name, id or address) over the tunnel. */
export const localPingRequest = z.object({
  peer: z.string().min(1).max(253),
  count: z.int().min(1).max(1000).default(1),
});
/** What came back; `rttMs` is null for what did not. */
export const localPingAnswer = z.object({
  name: z.string(),
  address: z.string(),
  replies: z.array(z.object({
    seq: z.number(),
    rttMs: z.number().nullable(),
    rung,
    /** As `path.endpoint` and `path.why` of a peer. */
    endpoint: z.string().nullable(),
    why: z.string().nullable(),
  })),
});

/** A join token (`auth`); without `server` it says itself where to. */
export const localJoinRequest = z.object({
  server: z.string().max(512).optional(),
  auth: z.string().max(4096),
  name: z.string().max(63).optional(),
});
/** A new log-in of this machine. */
export const localLoginRequest = z.union([
  z.strictObject({ idToken: jws }),
  /** A join token's proof. */
  z.strictObject({ admission: jws }),
]);
/** What the machine is in the network. */
export const localJoinAnswer = z.object({ name: z.string(), id: z.string(), addresses: z.array(z.string()) });
/** The new key, and how many of the peers have acknowledged it. */
export const localRotateAnswer = z.object({ wg: z.string(), acknowledged: z.number(), peers: z.number() });
/** A page of the ledger; `head` is that of all of it. */
export const localLedger = z.object({ entries: z.array(jws).max(1000), head: ledgerHead });
/** Entries from elsewhere, in their order. */
export const localEntries = z.object({ entries: z.array(jws).min(1).max(64) });
/** How many of them were new. */
export const localEntriesAnswer = z.object({ added: z.number(), head: ledgerHead });
/** What contradicts the ledger, and from which entry on; null: nothing. */
export const localFork = z.object({
  fork: z.object({ seq: z.int().min(1), entries: z.array(jws).max(4096) }).nullable(),
});
/** A prefix that this machine announces, or does no more. */
export const localAdvertise = z.object({ prefix, withdraw: z.boolean() });
/** What this machine announces now. */
export const localAdvertiseAnswer = z.object({
  changed: z.boolean(),
  routes: z.array(z.string()),
  /** This prefix is one that the policy or an admin lets this machine carry. */
  approved: z.boolean(),
});
/** This machine's resolver. */
export const localDns = z.object({
  /** Where the resolver answers; null when it does not. */
  address: z.string().nullable(),
  /** How this machine's programs are led to it. */
  way: z.enum(["resolved", "resolvconf", "file"]).nullable(),
  suffix: z.string(),
  search: z.array(z.string()),
  names: z.number(),
  /** Who is asked about names that are not the network's. */
  upstreams: z.array(z.string()),
  fault: z.string().nullable(),
});
/** Routes in force as this machine uses them. */
export const localRoutes = z.object({
  routes: z.array(z.object({
    prefix: z.string(),
    /** What it is at its carrier, when that differs. */
    lan: z.string().nullable(),
    via: z.string(),
    node: z.string(),
    metric: z.number(),
    snat: z.boolean(),
    /** False when this machine does not use it; `reason` says why. */
    active: z.boolean(),
    reason: z.string().nullable(),
  })),
});

/** What a node's signed record and the ledger say of it. */
export const localWhois = z.object({
  name: z.string(),
  id: z.string(),
  key: z.string(),
  addresses: z.array(z.string()),
  user: z.string().nullable(),
  groups: z.array(z.string()),
  tags: z.array(z.string()),
  method: z.string(),
  ephemeral: z.boolean(),
  os: z.string(),
  release: z.string(),
  routes: z.array(z.string()),
  sshHostKeys: z.array(z.string()),
  /** RFC 3339: when its record was signed, and how long it holds. */
  signed: z.string(),
  expires: z.string(),
  self: z.boolean(),
});
export type LocalWhois = z.infer<typeof localWhois>;

/** What `ghostctl set` changes. */
const localSettings = z.object({
  name: z.string(),
  ssh: z.boolean(),
  up: z.boolean(),
  /** The name that an admin gave this machine, which counts above `name`; null without one. */
  given: z.string().nullable(),
});
export type LocalSettings = z.infer<typeof localSettings>;
/** What is to be changed; what is left out stays. */
export const localSettingsRequest = z.strictObject({ name: label.optional(), ssh: z.boolean().optional() });
export type LocalSettingsRequest = z.infer<typeof localSettingsRequest>;

/** `forget`: the keys go as well. */
export const localLeaveRequest = z.strictObject({ forget: z.boolean().default(false) });
/** What has come of it. `told`: the coordinator knows. */
export interface LocalLeave {
  name: string;
  told: boolean;
  /** What this machine was: in the network, in it and revoked, or out of it with its keys kept. */
  was: "member" | "revoked" | "outside";
}
/** The tunnel is down; `notes` say what a person should know of that. */
export interface LocalDown {
  state: "down";
  changed: boolean;
  notes: string[];
}

/** What an event may be about. */
export type LocalEventKind = "path" | "peer" | "coordinator" | "gate" | "ledger" | "state";
/** Something that happened in the daemon. `text` is for people; `data` names what it was about. */
export interface LocalEvent {
  /** RFC 3339 */
  time: string;
  kind: LocalEventKind;
  text: string;
  data: Record<string, string | number | boolean | null>;
}

/** A line of the daemon's log. */
export interface LocalLogLine {
  level: string;
  line: string;
}
