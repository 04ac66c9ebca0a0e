/** The verbs about exit nodes. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec } from "./spec.ts";

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";
const state = {
  use: { name: "carol", node: id, lan: true, killSwitch: false, ipv4: true, ipv6: true, why: "" },
  offer: { on: false, announced: ["0.0.0.0/0"], approved: ["0.0.0.0/0"] },
  exits: [{ name: "carol", id, ipv4: true, ipv6: true, online: true }],
  notes: [""],
};

/** They need a machine with a way into an internet. */
const LAB = { test: "tests/lab/exit_test.ts", why: "it needs a machine with a way into the internet" };

export const EXIT_COMMANDS: readonly CommandSpec[] = [
  {
    name: "exit-node use",
    summary: "Send this machine's traffic into the internet through another machine",
    arguments: [{ name: "name", summary: "the exit node's name or id, or none", peer: true }],
    options: [
      { name: "lan", summary: "reach the LAN as before; without it, all goes to the exit node" },
      { name: "kill-switch", summary: "let nothing else out, also while ghostlink is stopped or was killed" },
    ],
    details: [
      "IPv4 and IPv6 alike; a family that the exit node does not have is blocked. Gates and the coordinator are reached past it, by the daemon's own address, protocol and port. What comes in from outside is answered through the exit node, so such connections end (with --lan those from the LAN go on).",
      "While the exit node is gone nothing leaves. It lasts until exit-node none, over restarts; when ghostlink is stopped, traffic leaves as before, and when it is killed, nothing goes past the tunnel until its next start, which uses the exit node again. The kill switch covers both, and all that this machine and its containers send until exit-node none, but not what it forwards for other machines, nor the time from the boot to ghostlink's first start.",
      'A rule of the policy has to let this machine: to = ["internet"].',
    ],
    examples: [
      { line: "ghostctl exit-node use carol", what: "all traffic but to the network itself", elsewhere: LAB },
      { line: "ghostctl exit-node use --lan carol", what: "with the printer at hand", elsewhere: LAB },
    ],
    json: state,
    load: () => import("./commands/exit_node_use.ts"),
  },
  {
    name: "exit-node none",
    summary: "Let this machine's traffic leave as before",
    examples: [{ line: "ghostctl exit-node none", what: "takes everything back" }],
    json: { ...state, use: {} },
    load: () => import("./commands/exit_node_none.ts"),
  },
  {
    name: "exit-node list",
    summary: "List the exit nodes that policy lets this machine use",
    examples: [{ line: "ghostctl exit-node list", what: "and which one is in use" }],
    json: state,
    load: () => import("./commands/exit_node_list.ts"),
  },
  {
    name: "exit-node offer",
    summary: "Offer this machine as an exit node",
    arguments: [{ name: "on|off", summary: "on or off", values: ["on", "off"] }],
    details: [
      "The same as exit = true in [link] of ghostlink.toml. It counts when the policy approves it ([routes] exit) or an admin does.",
      "What leaves here has this machine's own address (SNAT, IPv6 as well). Private networks behind it are not reached by this: they need a route and a rule of their own.",
    ],
    examples: [{
      line: "ghostctl exit-node offer on",
      what: "for the families that it has a default route for",
      elsewhere: LAB,
    }],
    json: state,
    load: () => import("./commands/exit_node_offer.ts"),
  },
  {
    name: "exit-node approve",
    summary: "Sign that a machine is an exit node (admin)",
    arguments: [{ name: "name", summary: "a machine that offers itself, by name or id" }],
    options: [{ name: "remove", summary: "take it out again; what the policy approves stays" }],
    examples: [{ line: "ghostctl exit-node approve carol", what: "without a line in the policy", elsewhere: LAB }],
    json: { changed: true, name: "carol", id, prefixes: ["0.0.0.0/0", "::/0"], ledgerSeq: 7 },
    load: () => import("./commands/exit_node_approve.ts"),
  },
];
