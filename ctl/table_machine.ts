/** The verbs about this machine's daemon and about single machines. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec } from "./spec.ts";

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";
const net = "aq7x2m4k6p3v5b7n2c4d6s3f5h7j2l4w";
const key = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";
const time = "2026-01-01T00:00:00.000Z";
const whois = {
  name: "bob",
  id,
  key,
  addresses: ["100.64.3.4", "fd12::4"],
  user: "ann@example.com",
  groups: ["sre"],
  tags: ["tag:web"],
  method: "static",
  ephemeral: false,
  os: "linux 6.18",
  release: "0.1.0",
  routes: [],
  sshHostKeys: ["ssh-ed25519 AAAA..."],
  signed: time,
  expires: time,
  self: false,
};
const NODE = { name: "name", summary: "its name or id" } as const;

export const LINK_COMMANDS: readonly CommandSpec[] = [
  {
    name: "up",
    summary: "Bring the tunnel up, with everything as it was set",
    details: ["The daemon has to run. What is set stays as it is; to change something: ghostctl set."],
    examples: [{ line: "ghostctl up", what: "after ghostctl down" }],
    json: { state: "up", changed: true },
    load: () => import("./commands/up.ts"),
  },
  {
    name: "down",
    summary: "Take the tunnel down; the machine stays a member",
    details: [
      "Interface, routes and filter go; the daemon goes on and stays down, restarts included, until ghostctl up.",
    ],
    examples: [{ line: "ghostctl down", what: "until ghostctl up" }],
    json: { state: "down", changed: true },
    load: () => import("./commands/down.ts"),
  },
  {
    name: "join",
    summary: "Let the daemon that runs here join a network",
    options: [
      {
        name: "auth",
        value: "TOKEN",
        summary: "the token; - reads it from standard input, @FILE from a file",
        required: true,
      },
      { name: "server", value: "HOST", summary: "the coordinator, if it is not the one that the token names" },
      { name: "name", value: "NAME", summary: "the machine's name (its host name)" },
    ],
    details: ["For a daemon that was started with ghostlink run --idle, or that has left its network."],
    examples: [{ line: "ghostctl join --auth @laptop.token", what: "with a token of ghostctl token create" }],
    json: { name: "alice", id, addresses: ["100.64.7.9", "fd12::9"] },
    load: () => import("./commands/join.ts"),
  },
  {
    name: "leave",
    summary: "Take this machine out of its network",
    options: [
      { name: "yes", summary: "it is meant so" },
      { name: "forget-keys", summary: "throw its keys away too: it can only come back as another machine" },
    ],
    details: [
      "Tells the coordinator, takes the tunnel down and forgets the network. The daemon goes on and can join again.",
    ],
    examples: [{ line: "ghostctl leave --yes", what: "for good, or until ghostctl join" }],
    json: { name: "alice", told: true },
    load: () => import("./commands/leave.ts"),
  },
  {
    name: "set",
    summary: "Change a setting of this machine, or show them",
    options: [
      { name: "name", value: "NAME", summary: "its name in the network" },
      { name: "ssh", value: "on|off", summary: "whether its record carries its SSH host keys (on)" },
    ],
    examples: [
      { line: "ghostctl set", what: "what is set" },
      { line: "ghostctl set --name desk", what: "another name" },
    ],
    json: { name: "alice", ssh: true, up: true },
    load: () => import("./commands/set.ts"),
  },
  {
    name: "wait",
    summary: "Wait until this machine is connected, or a machine can be reached",
    arguments: [{
      name: "peer",
      summary: "its name, id or address; without it, this machine",
      optional: true,
      peer: true,
    }],
    options: [
      { name: "for", value: "WHAT", summary: "connected; of a peer: reachable (by any path) or direct" },
      { name: "timeout", value: "TIME", summary: "how long at most: 30s, 5m (60s)" },
    ],
    details: [
      "For scripts. The exit code is 0 when it is so, and 4 when the time is over before. A daemon that is still starting is waited for.",
    ],
    examples: [
      { line: "ghostctl wait --timeout 30s", what: "before using the network in a start-up script" },
      { line: "ghostctl wait bob --for direct", what: "before a large copy" },
    ],
    json: { peer: "bob", for: "direct", reached: true, now: "bob: direct", waitedMs: 1200 },
    load: () => import("./commands/wait.ts"),
  },
  {
    name: "events",
    summary: "Show what happens in the daemon, as it happens",
    options: [
      { name: "kind", value: "KIND", summary: "path, peer, coordinator, gate, ledger or state alone", repeat: true },
      { name: "last", value: "N", summary: "so many of those before first (0)" },
      { name: "once", summary: "end with what there is" },
    ],
    details: ["With --json one object a line."],
    examples: [{ line: "ghostctl events --kind path --last 20", what: "which paths were found and lost" }],
    json: { time, kind: "path", text: "bob: direct 203.0.113.7:51820 (4.2 ms)", data: { name: "bob", rung: "direct" } },
    live: true,
    load: () => import("./commands/events.ts"),
  },
  {
    name: "logs",
    summary: "Show the daemon's log",
    options: [
      { name: "follow", summary: "go on with what comes" },
      { name: "last", value: "N", summary: "so many lines (50; 1000 are kept)" },
      { name: "level", value: "LEVEL", summary: "debug, info, warn or error and what is graver" },
    ],
    details: ["With --json one object a line."],
    examples: [{ line: "ghostctl logs --follow --level warn", what: "what goes wrong" }],
    json: { level: "info", line: `${time} info ghostlink: Following the coordinator` },
    live: true,
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "whois",
    summary: "Say whose machine it is, and what it may",
    arguments: [{ name: "peer", summary: "its name, id or address in the tunnel, with or without a port", peer: true }],
    details: ["From its signed record, which this machine's daemon has checked."],
    examples: [{ line: "ghostctl whois 100.64.3.4", what: "who a connection comes from" }],
    json: whois,
    load: () => import("./commands/whois.ts"),
  },
  {
    name: "whoami",
    summary: "Say who this machine is to others",
    examples: [{ line: "ghostctl whoami", what: "name, addresses, user and tags" }],
    json: { ...whois, name: "alice", self: true },
    load: () => import("./commands/whoami.ts"),
  },
  {
    name: "ssh",
    summary: "Run ssh to a machine whose host keys are signed",
    arguments: [
      { name: "peer", summary: "its name, id or address; USER@NAME to log in as another", peer: true },
      { name: "command", summary: "what to run there; -- before what begins with -", optional: true, rest: true },
    ],
    options: [{ name: "port", value: "N", summary: "of its SSH server (22)" }],
    details: [
      "The host keys come from the machine's signed record and are the only ones that ssh believes: it asks nothing on first use. Everything else is as in the ssh settings of this user. The exit code is that of ssh.",
    ],
    examples: [
      { line: "ghostctl ssh ann@bob", what: "a shell there" },
      { line: "ghostctl ssh bob uptime", what: "one command" },
    ],
    json: {},
    live: true,
    load: () => import("./commands/ssh.ts"),
  },
];

export const NODE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "nodes show",
    summary: "Show all about one machine (admin)",
    arguments: [NODE],
    examples: [{ line: "ghostctl nodes show bob", what: "record, admission and what admins said of it" }],
    json: {
      name: "bob",
      id,
      key,
      addresses: ["100.64.3.4", "fd12::4"],
      tags: ["tag:web"],
      user: "ann@example.com",
      groups: [],
      method: "static",
      token: key,
      ephemeral: false,
      vouched: false,
      ends: null,
      os: "linux 6.18",
      release: "0.1.0",
      offers: [],
      routes: ["10.1.1.0/24"],
      seen: time,
      expires: time,
    },
    load: () => import("./commands/nodes_show.ts"),
  },
  {
    name: "nodes rename",
    summary: "Give a machine another name (admin)",
    arguments: [NODE, { name: "new", summary: "the name that it has from now on" }],
    options: [{ name: "force", summary: "also a name that another machine gave itself, which then has none" }],
    examples: [{ line: "ghostctl nodes rename bob nas", what: "at every machine, at once" }],
    json: { changed: true, name: "bob", id, newName: "nas", ledgerSeq: 9 },
    load: () => import("./commands/nodes_rename.ts"),
  },
  {
    name: "nodes tag",
    summary: "Give a machine tags, or take them away (admin)",
    arguments: [NODE],
    options: [
      { name: "add", value: "TAG", summary: "such as tag:web", repeat: true },
      { name: "remove", value: "TAG", summary: "such as tag:web", repeat: true },
    ],
    examples: [{ line: "ghostctl nodes tag bob --add tag:web --remove tag:test", what: "both in one entry" }],
    json: { changed: true, name: "bob", id, tags: ["tag:web"], ledgerSeq: 9 },
    load: () => import("./commands/nodes_tag.ts"),
  },
  {
    name: "nodes expire",
    summary: "Let a machine's membership end at a time (admin)",
    arguments: [NODE, { name: "when", summary: "now, a time such as 30d, or never", values: ["now", "never", "30d"] }],
    details: ["It can be let in again by a later time or never; nodes revoke is for good."],
    examples: [{ line: "ghostctl nodes expire bob 30d", what: "a guest's laptop" }],
    json: { changed: true, name: "bob", id, expires: time, ledgerSeq: 9 },
    load: () => import("./commands/nodes_expire.ts"),
  },
  {
    name: "nodes approve",
    summary: "Vouch for a machine by an entry of its own (admin)",
    arguments: [NODE],
    details: ["It then stays when the token that it came in by is revoked."],
    examples: [{ line: "ghostctl nodes approve bob", what: "before its token is revoked" }],
    json: { changed: true, name: "bob", id, ledgerSeq: 9 },
    load: () => import("./commands/nodes_approve.ts"),
  },
];

export const OWN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "config show",
    summary: "Show what ghostctl knows: its folder, sockets and networks",
    examples: [{ line: "ghostctl config show", what: "which networks are administered from here" }],
    json: {
      dir: "/home/ann/.config/ghostctl",
      sockets: ["/run/ghostlink/ghostlink.sock"],
      network: "home",
      networks: [{
        name: "home",
        id: net,
        server: "https://mesh.example.com:7777",
        state: "ready",
        ledgerSeq: 12,
        default: true,
      }],
    },
    load: () => import("./commands/config_show.ts"),
  },
  {
    name: "config check",
    summary: "Check that every network can be administered from here",
    details: ["Asks each coordinator and verifies its ledger. The exit code is 1 when something is wrong."],
    examples: [{ line: "ghostctl config check", what: "folder, keys, coordinators" }],
    json: { good: false, checks: [{ what: "config.json", problem: null }] },
    load: () => import("./commands/config_check.ts"),
  },
  {
    name: "config use",
    summary: "Choose the network that is meant without --network",
    arguments: [{ name: "network", summary: "its name or id" }],
    examples: [{ line: "ghostctl config use home", what: "of several that are administered from here" }],
    json: { network: "home" },
    load: () => import("./commands/config_use.ts"),
  },
  {
    name: "completion",
    summary: "Print the completion script of a shell",
    arguments: [{
      name: "shell",
      summary: "bash, zsh or fish",
      values: ["bash", "zsh", "fish"],
    }],
    details: [
      "bash: source <(ghostctl completion bash). zsh: source <(ghostctl completion zsh). fish: ghostctl completion fish | source. Names of machines come from the daemon.",
    ],
    examples: [{ line: "ghostctl completion bash", what: "to be read by the shell's start-up file" }],
    json: { shell: "bash", script: "..." },
    load: () => import("./commands/completion.ts"),
  },
];
