/** The verbs of the policy. */
import type { CommandSpec } from "./spec.ts";

const sha256 = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";
const row = { seq: 5, time: "2026-01-01T00:00:00.000Z", by: ["ann"], format: "toml", sha256, inForce: true };
const file = { name: "file", summary: "the policy, such as acls.toml or policy.ts" };
const fault = { line: 3, column: 8, message: 'Undefined group "group:opps"', mend: 'did you mean "group:ops"?' };
const ts =
  "A file whose name ends in .ts is run twice without network, clock or random numbers, and its default export is the policy. It may import files of its own folder and below, which others may read too (no links, nothing hidden, no keys), and nothing else.";

export const POLICY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "policy check",
    summary: "Tell every error and warning of a policy",
    arguments: [file],
    details: [ts, "The exit code is 1 when there is an error. Nothing is sent anywhere."],
    examples: [{ line: "ghostctl policy check acls.toml", what: "before it is pushed" }],
    json: {
      ok: false,
      faults: [fault],
      warnings: [fault],
      rules: 12,
      firewall: 2,
      says: ["tag:router may be an exit node"],
    },
    load: () => import("./commands/policy_check.ts"),
  },
  {
    name: "policy test",
    summary: "Run a policy's own tests",
    arguments: [file],
    details: ["The exit code is 1 when one fails. push runs them too, and so does every machine that gets the policy."],
    examples: [{ line: "ghostctl policy test acls.toml", what: "what its [[test]] tables say" }],
    json: { tests: 4, failed: [fault] },
    load: () => import("./commands/policy_test_run.ts"),
  },
  {
    name: "policy diff",
    summary: "Tell which pairs of machines a policy would open and close (admin)",
    arguments: [file],
    details: [
      "Compares with the policy in force, for the machines and routes that there are. Machines and gates that the new one would not let in any more are named first.",
    ],
    examples: [{ line: "ghostctl policy diff acls.toml", what: "before it is pushed" }],
    json: {
      base: { seq: 5, sha256 },
      putsOut: [{ name: "web3", what: "machine", why: "Its key has expired at 2026-01-01T00:00:00Z" }],
      changes: [{ from: ["ann-laptop"], to: ["web1", "web2"], before: "tcp/443", after: "tcp/22, tcp/443" }],
      firewall: [{ from: ["ann-laptop"], to: ["web1"], at: "target", does: "drops tcp/22", line: 30, change: "new" }],
      settings: ["from now   tag:router may be an exit node"],
    },
    load: () => import("./commands/policy_diff.ts"),
  },
  {
    name: "policy push",
    summary: "Check, sign and publish a policy (admin)",
    arguments: [file],
    options: [{
      name: "base",
      value: "SHA256",
      summary:
        "refuse when another policy than this one is in force (the one that the file was pulled from or pushed as)",
    }, { name: "force", summary: "also when it puts machines out, or undoes what another admin has signed" }],
    details: [
      "Its tests run first. One that is in force already changes nothing. Without --force it is refused when machines or gates that are in would be put out by its [[admit]] or [expiry], when the policy in force has moved since the file was pulled or pushed, and when it was never pulled and the policy in force is another admin's. --force goes past all of these (not past --base). With it all that policy diff tells is said on standard error before it is signed.",
      ts +
      " Its source, the local files that it imports and its output are all signed; machines use the output and never run the source.",
    ],
    examples: [{ line: "ghostctl policy push acls.toml", what: "put it in force" }],
    json: { changed: true, sha256, ledgerSeq: 5 },
    load: () => import("./commands/policy_push.ts"),
  },
  {
    name: "policy pull",
    summary: "Write the policy in force into a file (admin)",
    arguments: [{ name: "file", summary: "where to, such as acls.toml" }],
    options: [{ name: "force", summary: "replace the file when it is there" }],
    details: ["push then refuses when somebody else has pushed meanwhile."],
    examples: [{ line: "ghostctl policy pull acls.toml", what: "to change it and push it" }],
    json: { file: "acls.toml", seq: 5, sha256 },
    load: () => import("./commands/policy_pull.ts"),
  },
  {
    name: "policy show",
    summary: "Print the policy in force, or an earlier one (admin)",
    arguments: [{ name: "entry", summary: "the number of its ledger entry", optional: true }],
    examples: [{ line: "ghostctl policy show", what: "what holds now; of a policy.ts also what it computed" }],
    json: { ...row, source: "", computed: null, files: {}, imports: {} },
    load: () => import("./commands/policy_show.ts"),
  },
  {
    name: "policy history",
    summary: "List all policies that were signed (admin)",
    examples: [{ line: "ghostctl policy history", what: "oldest first" }],
    json: { policies: [{ ...row, characters: 1024 }] },
    load: () => import("./commands/policy_history.ts"),
  },
  {
    name: "policy rollback",
    summary: "Sign an earlier policy anew (admin)",
    arguments: [{ name: "entry", summary: "the number of its ledger entry" }],
    options: [{ name: "force", summary: "also when it puts machines out that are in" }],
    details: [
      "With --force all that it changes is said on standard error before it is signed, as policy diff tells it.",
    ],
    examples: [{ line: "ghostctl policy rollback 3", what: "as policy history numbers them" }],
    json: { changed: true, seq: 3, sha256, ledgerSeq: 7 },
    load: () => import("./commands/policy_rollback.ts"),
  },
  {
    name: "policy why",
    summary: "Say which rule lets one machine reach another, or what is missing (admin)",
    arguments: [
      { name: "src", summary: "a machine's name or id, an address, or a name of [hosts] or [dns.names]" },
      {
        name: "dst[:port]",
        summary: "the same, or internet; with a port: web1:443, web1:udp/53, web1:icmp, [fd00::1]:22",
      },
    ],
    details: ["The exit code is 1 when nothing lets it, or a firewall rule drops it."],
    examples: [{ line: "ghostctl policy why ann-laptop web1:443", what: "by which rule" }],
    json: {
      allowed: true,
      entry: 5,
      rules: [{ line: 12, ports: "tcp/443" }],
      missing: [""],
      firewall: [{ line: 30, action: "log", does: "logs tcp/443", at: "web1", part: "" }],
    },
    load: () => import("./commands/policy_why.ts"),
  },
];
