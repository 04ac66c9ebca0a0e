/** All verbs of ghostctl. Plain data with lazy loaders: reading this file must stay cheap, every start does it. */
import type { CommandSpec, OptionSpec } from "./spec.ts";
import { FIREWALL_COMMANDS } from "./table_firewall.ts";
import { NETWORK_COMMANDS } from "./table_network.ts";
import { LINK_COMMANDS, NODE_COMMANDS, OWN_COMMANDS } from "./table_machine.ts";
import { ADMIN_COMMANDS, MACHINE_COMMANDS, TOKEN_COMMANDS } from "./table_ledger.ts";
import { PLUGIN_COMMANDS } from "./table_plugin.ts";
import { EXIT_COMMANDS } from "./table_exit.ts";
import { ROUTE_COMMANDS } from "./table_routes.ts";
import { POLICY_COMMANDS } from "./table_policy.ts";

/** Options of every verb. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: "json", summary: 'print one JSON object, {"version":1, ...}, on standard output' },
  {
    name: "socket",
    value: "FILE",
    summary: "the daemon's socket (GHOSTLINK_SOCKET; /run/ghostlink/ghostlink.sock as root, else in XDG_RUNTIME_DIR)",
  },
  {
    name: "config-dir",
    value: "DIR",
    summary: "admin keys and known networks (GHOSTCTL_CONFIG_DIR; ghostctl in XDG_CONFIG_HOME or ~/.config)",
  },
  { name: "network", value: "NAME|ID", summary: "which network, when the config folder knows several" },
  { name: "help", summary: "say what a command does" },
];

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";
const net = "aq7x2m4k6p3v5b7n2c4d6s3f5h7j2l4w";
const key = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";

const PROVIDER = { why: "needs an identity provider", test: "tests/ctl/issuer_test.ts" };

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "init",
    summary: "Found a network on a new coordinator",
    options: [
      { name: "server", value: "HOST", summary: "the coordinator: host, host:port or URL", required: true },
      {
        name: "setup",
        value: "CODE",
        summary: "the set-up code that it printed; - reads it from standard input",
        required: true,
      },
      {
        name: "acls",
        value: "FILE",
        summary: "the first policy; without it a starter policy that lets members reach each other",
      },
      {
        name: "accept-draft",
        value: "SHA256",
        summary: "sign the draft that the coordinator serves, if it has this hash",
      },
      { name: "name", value: "NAME", summary: "the network's name (home)" },
      { name: "suffix", value: "DOMAIN", summary: "its DNS suffix (NAME.ghost)" },
      { name: "ipv4", value: "PREFIX", summary: "its IPv4 range (100.64.0.0/10)" },
      { name: "quorum", value: "N", summary: "admins that a change of admins needs (1)" },
    ],
    details: [
      "The admin key is made on this machine and stays in the config folder; the coordinator never has it. Keep a copy of that folder in a safe place.",
      "After a failure type the same line again: it finishes what was begun.",
    ],
    examples: [
      { line: "ghostctl init --server mesh.example.com --setup setup1_...", what: "found the network home" },
      {
        line: "ghostctl init --server mesh.example.com --setup - --acls acls.toml --name lab",
        what: "with a policy of one's own",
      },
    ],
    json: {
      network: {
        id: net,
        name: "home",
        suffix: "home.ghost",
        ipv4: "100.64.0.0/10",
        server: "https://mesh.example.com:7777",
      },
      admin: { key },
      policy: { source: "starter" },
      ledgerSeq: 1,
    },
    load: () => import("./commands/init.ts"),
  },
  {
    name: "token create",
    summary: "Make a join token; it stands alone on standard output",
    options: [
      { name: "uses", value: "N", summary: "machines that it admits (1)" },
      { name: "expires", value: "TIME", summary: "how long it admits: 90m, 24h, 7d or never (24h)" },
      { name: "tag", value: "TAG", summary: "tag of the machines that it admits, such as tag:web", repeat: true },
      { name: "ephemeral", summary: "its machines leave the network when they go offline" },
      { name: "gate", summary: "admits a gate instead of a machine" },
    ],
    examples: [
      { line: "ghostctl token create", what: "for one machine, within a day" },
      { line: "ghostctl token create --uses 20 --expires 7d --tag tag:web", what: "for twenty web servers" },
      { line: "ghostctl token create --gate", what: "for a gate" },
    ],
    json: {
      token: "ghost1_...",
      grant: { key, tags: ["tag:web"], ephemeral: false, gate: false, uses: 1, expires: "2026-01-02T00:00:00.000Z" },
      ledgerSeq: 2,
    },
    load: () => import("./commands/token_create.ts"),
  },
  ...TOKEN_COMMANDS,
  {
    name: "status",
    summary: "Show this machine, its network and its gates",
    options: [{ name: "watch", summary: "again every second" }],
    examples: [{ line: "ghostctl status", what: "what the daemon knows" }],
    json: {
      self: { name: "alice", id, addresses: ["100.64.7.9", "fd12::9"], interface: "ghost0" },
      network: { id: net, name: "home", server: "https://mesh.example.com:7777", connected: true, ledgerSeq: 12 },
      gates: [{ name: "gate1", id, region: "eu", connected: true, rttMs: 8.1, use: "home", draining: false }],
      home: { gate: "gate1", why: "the nearest" },
      warnings: [""],
      exit: null,
      state: "up",
    },
    load: () => import("./commands/status.ts"),
  },
  {
    name: "peers",
    summary: "List the machines that this one can see, and the path to each",
    options: [{ name: "watch", summary: "again every second" }],
    details: ["Paths, best first: direct, lane (a gate's kernel), quic (a gate session), turn, none."],
    examples: [{ line: "ghostctl peers --json", what: "for programs" }],
    json: {
      peers: [{
        name: "bob",
        id,
        addresses: ["100.64.3.4", "fd12::4"],
        online: true,
        path: {
          rung: "direct",
          endpoint: "203.0.113.7:51820",
          rttMs: 4.2,
          since: "2026-01-01T00:00:00.000Z",
          why: null,
        },
        rxBytes: 1024,
        txBytes: 2048,
        lastHandshake: "2026-01-01T00:00:00.000Z",
      }],
    },
    load: () => import("./commands/peers.ts"),
  },
  {
    name: "ping",
    summary: "Ping a machine through the tunnel and say by which path",
    arguments: [{ name: "peer", summary: "its name, id or address", peer: true }],
    options: [{ name: "count", value: "N", summary: "pings, one a second (4)" }],
    details: ["The exit code is 1 when no ping was answered."],
    examples: [{ line: "ghostctl ping bob --count 3", what: "three pings" }],
    json: {
      name: "bob",
      address: "100.64.3.4",
      replies: [{ seq: 1, rttMs: 4.2, rung: "direct", endpoint: "203.0.113.7:51820", why: null }],
    },
    load: () => import("./commands/ping.ts"),
  },
  ...LINK_COMMANDS,
  ...FIREWALL_COMMANDS,
  {
    name: "nodes list",
    summary: "List all machines of the network (admin)",
    examples: [{ line: "ghostctl nodes list", what: "as the signed records say" }],
    json: {
      nodes: [{
        name: "alice",
        id,
        addresses: ["100.64.7.9", "fd12::9"],
        tags: ["tag:web"],
        user: "ann@example.com",
        ephemeral: false,
        os: "linux",
        version: "0.1.0",
        seen: "2026-01-01T00:00:00.000Z",
        expires: "2026-02-01T00:00:00.000Z",
      }],
      notAdmitted: [{ name: "bob", id, why: "record.proof: The network's policy admits nobody by token" }],
    },
    load: () => import("./commands/nodes_list.ts"),
  },
  ...NETWORK_COMMANDS,
  ...NODE_COMMANDS,
  ...MACHINE_COMMANDS,
  ...ROUTE_COMMANDS,
  ...EXIT_COMMANDS,
  {
    name: "dns",
    summary: "Show how this machine resolves the network's names",
    details: [
      "NAME.SUFFIX is answered by this machine's daemon, for itself and the peers that policy lets it see. Set dns = false in [link] of ghostlink.toml to leave the machine's resolver alone.",
    ],
    examples: [{ line: "ghostctl dns", what: "where it answers and how programs are led to it" }],
    json: {
      address: "100.127.255.254",
      way: "file",
      suffix: "home.ghost",
      search: ["home.ghost"],
      names: 3,
      upstreams: ["192.0.2.53"],
      fault: "",
    },
    load: () => import("./commands/dns.ts"),
  },
  {
    name: "keys rotate",
    summary: "Give this machine a new WireGuard key, without losing a packet",
    examples: [{ line: "ghostctl keys rotate", what: "peers acknowledge the new key before it is used" }],
    json: { wg: key, acknowledged: 3, peers: 3 },
    load: () => import("./commands/keys_rotate.ts"),
  },
  ...POLICY_COMMANDS,
  ...ADMIN_COMMANDS,
  {
    name: "certificate revoke",
    summary: "Let nobody come in by a certificate any more (admin)",
    arguments: [{ name: "certificate", summary: "its file (PEM), or ISSUER-HASH:SERIAL" }],
    details: ["Of an intermediate CA: everything below it. Who came in by it loses the network at once."],
    examples: [{ line: "ghostctl certificate revoke ann.pem", what: "ann's laptop was stolen" }],
    json: { changed: true, certificate: `${"5f".repeat(32)}:a1b2c3`, ledgerSeq: 6 },
    load: () => import("./commands/certificate_revoke.ts"),
  },
  ...OWN_COMMANDS,
  ...PLUGIN_COMMANDS,
  {
    name: "issuer list",
    summary: "List the identity providers of the policy, and their keys in the ledger (admin)",
    examples: [{ line: "ghostctl issuer list", what: "which keys count wherever they were not seen" }],
    json: { issuers: [{ issuer: "https://login.example.com", keys: [{ kid: "k1", kty: "EC", lastSeen: null }] }] },
    load: () => import("./commands/issuer_list.ts"),
  },
  {
    name: "issuer pin",
    summary: "Sign an identity provider's keys into the ledger (admin, or a watcher that the policy names)",
    arguments: [{ name: "issuer", summary: "as the policy writes it" }],
    options: [{ name: "file", value: "FILE", summary: "its key set (JWKS); without it, the issuer is asked" }],
    details: [
      "Machines fetch an issuer's keys themselves. This is for those that cannot reach it, or came after a key was rotated away: until they have the key, they leave out whoever logged in by it, and ghostctl status says so.",
      "An admin's entry replaces what the ledger knew of the issuer; a watcher's adds to it. A watcher gets its key by ghostctl admin key, and is named in the policy: watchers = [KEY].",
    ],
    examples: [
      {
        line: "ghostctl issuer pin https://login.example.com",
        what: "after its keys have changed",
        elsewhere: PROVIDER,
      },
      {
        line: "ghostctl issuer pin https://login.example.com --file old.json",
        what: "keys that it shows no more",
        elsewhere: PROVIDER,
      },
    ],
    json: { changed: true, issuer: "https://login.example.com", keys: [{ kid: "k1", kty: "EC" }], ledgerSeq: 9 },
    load: () => import("./commands/issuer_pin.ts"),
  },
  {
    name: "version",
    summary: "Show the version",
    examples: [{ line: "ghostctl version", what: "of ghostctl and of the Deno that runs it" }],
    json: { ghostctl: "0.1.0", deno: "2.9.6" },
    load: () => import("./commands/version.ts"),
  },
];
