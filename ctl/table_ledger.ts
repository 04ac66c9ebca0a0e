/** The verbs about trust: admins, the ledger, tokens, what is revoked. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec } from "./spec.ts";

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";
const net = "aq7x2m4k6p3v5b7n2c4d6s3f5h7j2l4w";
const key = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";
const time = "2026-01-01T00:00:00.000Z";
const entry = { seq: 3, time, kind: "grant", by: ["ann"], what: "...", hash: key };
const outcome = { changed: false, pending: { id: key, missing: 1 }, ledgerSeq: 7 };
const REASON = { name: "reason", value: "TEXT", summary: "why, for those who read the ledger" } as const;
const FOR_GOOD = "A key that was revoked never comes back.";

export const TOKEN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "token list",
    summary: "List all join tokens and how often they were used (admin)",
    details: ["The tokens themselves are not kept anywhere; they are named by the public key of their grant."],
    examples: [{ line: "ghostctl token list", what: "those that are open, and those that were" }],
    json: {
      tokens: [{
        key,
        gate: false,
        tags: ["tag:web"],
        ephemeral: false,
        uses: 1,
        used: 0,
        expires: time,
        state: "open",
      }],
    },
    load: () => import("./commands/token_list.ts"),
  },
  {
    name: "token revoke",
    summary: "Let a join token admit nobody any more (admin)",
    arguments: [{ name: "key", summary: "its key or the beginning of it, as token list shows it" }],
    options: [REASON],
    details: [
      "Who came in by it stays, unless the policy says revokes_nodes = true for tokens. What is to stay is vouched for by an entry of its own in the ledger.",
    ],
    examples: [{ line: "ghostctl token revoke 8J1Yc0m3", what: "for good" }],
    json: { changed: true, key, stay: ["alice"], fall: ["bob"], ledgerSeq: 8 },
    load: () => import("./commands/token_revoke.ts"),
  },
];

export const MACHINE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "nodes revoke",
    summary: "Put a machine out of the network for good (admin)",
    arguments: [{ name: "name", summary: "its name, id or identity key" }],
    options: [REASON, { name: "yes", summary: "needed when it is the machine that this is typed on" }],
    details: [`Its tunnels are closed at every machine, and its sessions at every gate, at once. ${FOR_GOOD}`],
    examples: [{ line: "ghostctl nodes revoke bob --reason lost", what: "a laptop that is gone" }],
    json: { changed: true, key, name: "bob", ledgerSeq: 9 },
    load: () => import("./commands/nodes_revoke.ts"),
  },
  {
    name: "gate list",
    summary: "List all gates of the network (admin)",
    examples: [{ line: "ghostctl gate list", what: "as the signed records say" }],
    json: {
      gates: [{
        name: "gate1",
        id,
        region: "eu",
        hosts: ["198.51.100.7"],
        quic: 3478,
        stun: 3479,
        version: "0.1.0",
        draining: false,
        seen: time,
        expires: time,
      }],
    },
    load: () => import("./commands/gate_list.ts"),
  },
  {
    name: "gate drain",
    summary: "Move everybody off a gate, before it is stopped (admin)",
    arguments: [{ name: "name", summary: "its name, id or identity key" }],
    options: [{ name: "off", summary: "use it again" }],
    details: [
      "Machines find another gate first and then leave this one, so no packet is lost. It is signed into the ledger: the coordinator can neither order nor undo it. Where there is no other gate it goes on serving.",
    ],
    examples: [
      { line: "ghostctl gate drain gate1", what: "then wait until ghostctl status shows no session with it" },
      { line: "ghostctl gate drain gate1 --off", what: "after the work" },
    ],
    json: { changed: true, key, name: "gate1", draining: true, others: 2, ledgerSeq: 10 },
    load: () => import("./commands/gate_drain.ts"),
  },
  {
    name: "gate revoke",
    summary: "Put a gate out of the network for good (admin)",
    arguments: [{ name: "name", summary: "its name, id or identity key" }],
    options: [REASON],
    details: [`Every machine leaves it at once. ${FOR_GOOD}`],
    examples: [{ line: "ghostctl gate revoke gate1", what: "one that is not trusted any more" }],
    json: { changed: true, key, name: "gate1", ledgerSeq: 10 },
    load: () => import("./commands/gate_revoke.ts"),
  },
];

export const ADMIN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "admin list",
    summary: "List the admins, and the changes that wait for some of them",
    examples: [{ line: "ghostctl admin list", what: "and what a further admin has to type" }],
    json: {
      admins: [{ key, name: "ann", since: 0, here: true }],
      quorum: 2,
      pending: [{ id: key, what: "...", by: ["ann"], missing: 1 }],
      join: "ghostctl admin key --server ... --network ...",
    },
    load: () => import("./commands/admin_list.ts"),
  },
  {
    name: "admin key",
    summary: "Make a key of one's own for a network that others administer",
    options: [
      { name: "server", value: "HOST", summary: "the coordinator: host, host:port or URL", required: true },
      { name: "ca", value: "SHA256", summary: "hash of the coordinator's own CA, if it has one" },
    ],
    details: [
      "With --network ID. ghostctl admin list, on an admin's machine, prints the whole line. The key stays in the config folder; what is printed is its public half, for ghostctl admin add.",
    ],
    examples: [{
      line: `ghostctl admin key --server mesh.example.com --network ${net}`,
      what: "before being made an admin",
    }],
    json: { key, network: net },
    load: () => import("./commands/admin_key.ts"),
  },
  {
    name: "admin add",
    summary: "Make somebody an admin",
    arguments: [{ name: "key", summary: "the public key that ghostctl admin key printed there" }],
    options: [
      { name: "name", value: "NAME", summary: "what to call them", required: true },
      { name: "quorum", value: "N", summary: "how many admins a change of admins needs from then on (as now)" },
    ],
    details: [
      "Takes effect when as many admins have signed as the quorum in force asks for; until then it waits for 14 days.",
    ],
    examples: [{ line: `ghostctl admin add ${key} --name ben --quorum 2`, what: "two admins, and both are needed" }],
    json: outcome,
    load: () => import("./commands/admin_add.ts"),
  },
  {
    name: "admin remove",
    summary: "Make somebody an admin no more",
    arguments: [{ name: "name", summary: "the admin's name or key" }],
    options: [{ name: "quorum", value: "N", summary: "how many admins a change of admins needs from then on" }],
    examples: [{ line: "ghostctl admin remove ben", what: "what ben signed before stays in force" }],
    json: outcome,
    load: () => import("./commands/admin_remove.ts"),
  },
  {
    name: "sign",
    summary: "Consent to a change that waits for more admins",
    arguments: [{ name: "pending", summary: "its id or the beginning of it, as admin list shows it" }],
    details: ["Read what it says first: it is shown by admin list, and once more before it is signed."],
    examples: [{ line: "ghostctl sign 8J1Yc0m3", what: "the consent that was missing carries it out" }],
    json: outcome,
    load: () => import("./commands/sign.ts"),
  },
  {
    name: "ledger log",
    summary: "Show every entry of the ledger, and who signed it (admin)",
    options: [{ name: "from", value: "N", summary: "first entry to show (0)" }],
    examples: [{ line: "ghostctl ledger log", what: "from the founding on" }],
    json: { entries: [entry] },
    load: () => import("./commands/ledger_log.ts"),
  },
  {
    name: "ledger verify",
    summary: "Check every signature of the ledger again (admin)",
    arguments: [{ name: "file", summary: "a copy; without it what the coordinator serves", optional: true }],
    examples: [{ line: "ghostctl ledger verify ledger.jsonl", what: "a copy, needing nobody" }],
    json: {
      network: { id: net, name: "home" },
      entries: 12,
      head: { seq: 11, hash: key },
      admins: [{ key, name: "ann" }],
      quorum: 1,
    },
    load: () => import("./commands/ledger_verify.ts"),
  },
  {
    name: "ledger export",
    summary: "Write a copy of the ledger into a file",
    arguments: [{ name: "file", summary: "where to" }],
    details: [
      "Of the coordinator's ledger; with the coordinator away, of what was kept here; on a machine without an admin key, of its daemon's. The copy holds nothing secret.",
    ],
    examples: [{ line: "ghostctl ledger export ledger.jsonl", what: "a backup of all that cannot be made anew" }],
    json: { entries: 12, head: { seq: 11, hash: key }, network: net, source: "coordinator" },
    load: () => import("./commands/ledger_export.ts"),
  },
  {
    name: "ledger import",
    summary: "Bring a coordinator back that lost its ledger, or a part of it (admin)",
    arguments: [{ name: "file", summary: "a copy, an admin's or a member's" }],
    options: [
      {
        name: "setup",
        value: "CODE",
        summary: "the set-up code of an empty coordinator; - reads it from standard input",
      },
      { name: "server", value: "HOST", summary: "where that is, if not where the network's was" },
    ],
    details: [
      "No key changes: machines and gates that reach the coordinator where it was, behind the certificate that it had, publish their records by themselves.",
    ],
    examples: [
      {
        line: "ghostctl ledger import ledger.jsonl --setup setup1_...",
        what: "an empty coordinator",
        elsewhere: { why: "needs a coordinator that lost everything", test: "tests/lab/recovery_test.ts" },
      },
      { line: "ghostctl ledger import ledger.jsonl", what: "one that was restored from an old copy" },
    ],
    json: { added: 12, head: { seq: 11, hash: key }, server: "https://mesh.example.com:7777" },
    load: () => import("./commands/ledger_import.ts"),
  },
  {
    name: "ledger resolve",
    summary: "End a fork: say which of several entries for one place counts (admin)",
    options: [
      {
        name: "keep",
        value: "HASH",
        summary: "the entry of the coordinator's branch that is kept; without it both are shown",
      },
      { name: "other", value: "FILE", summary: "a copy with the other branch, if this machine has not seen it" },
      { name: "forget-revocations", summary: "do not repeat what the other branch revoked" },
    ],
    details: ["Needs as many admins as a change of admins. What the other branch revoked is revoked again first."],
    examples: [{
      line: "ghostctl ledger resolve",
      what: "read both branches, then add --keep",
      elsewhere: { why: "needs a fork", test: "tests/ctl/ledger_test.ts" },
    }],
    json: outcome,
    load: () => import("./commands/ledger_resolve.ts"),
  },
  {
    name: "audit",
    summary: "Show who was let in, by what proof, and every change of the ledger (admin)",
    details: ["From signed statements only, checked here: the coordinator can leave machines out, not make them up."],
    examples: [{ line: "ghostctl audit --json", what: "for programs" }],
    json: {
      admissions: [{
        name: "alice",
        id,
        key,
        what: "machine",
        method: "static",
        by: key,
        user: "ann@example.com",
        signed: time,
      }],
      changes: [entry],
    },
    load: () => import("./commands/audit.ts"),
  },
];
