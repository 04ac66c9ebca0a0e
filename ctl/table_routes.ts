/** The verbs about networks behind machines. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec, OptionSpec } from "./spec.ts";

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";

const ROUTE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "metric",
    value: "N",
    summary: "of the carriers that can be reached the lowest is taken, then the nearest (100)",
  },
  {
    name: "keep-source",
    summary:
      "leave the senders' addresses as they are; the network behind must then lead the overlay's addresses back to this router (with several: to the one in use)",
  },
];

export const ROUTE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "route add",
    summary: "Reach a network behind a machine (admin)",
    arguments: [
      { name: "prefix", summary: "the network behind it, such as 10.1.1.0/24" },
      { name: "via", summary: "", literal: true },
      { name: "name", summary: "the machine that carries it, by name or id" },
    ],
    options: [
      ...ROUTE_OPTIONS,
      {
        name: "as",
        value: "PREFIX",
        summary:
          "the prefix of the same length by which the mesh knows it, for a network whose own one is used elsewhere too",
      },
    ],
    details: [
      "Machines use a route only where a policy rule names its prefix; without such a rule a remark says so.",
      "Exit nodes: ghostctl exit-node.",
    ],
    examples: [
      { line: "ghostctl route add 10.1.1.0/24 via carol", what: "the office behind carol" },
      {
        line: "ghostctl route add 192.168.1.0/24 --as 10.201.0.0/24 via carol",
        what: "one of two sites with the same addresses: 192.168.1.7 there is 10.201.0.7 for all others",
      },
    ],
    json: {
      changed: true,
      route: { prefix: "10.1.1.0/24", via: "carol", node: id, metric: 100, snat: true },
      ledgerSeq: 3,
    },
    load: () => import("./commands/route_add.ts"),
  },
  {
    name: "route advertise",
    summary: "Announce a network behind this machine, for an admin to approve",
    arguments: [{ name: "prefix", summary: "the network behind it, such as 10.1.1.0/24" }],
    options: [{ name: "withdraw", summary: "announce it no longer; an approval stays until it is removed" }],
    examples: [{ line: "ghostctl route advertise 10.1.1.0/24", what: "on the machine in the office" }],
    json: { changed: true, routes: ["10.1.1.0/24"], approved: false },
    load: () => import("./commands/route_advertise.ts"),
  },
  {
    name: "route approve",
    summary: "Sign a route that a machine announces (admin)",
    arguments: [
      { name: "prefix", summary: "the network, as it is announced" },
      { name: "via", summary: "", literal: true },
      { name: "name", summary: "the machine that announces it, by name or id" },
    ],
    options: ROUTE_OPTIONS,
    details: ["The same statement as route add, but refused unless the machine itself announces the prefix."],
    examples: [{ line: "ghostctl route approve 10.1.1.0/24 via carol", what: "what carol offers" }],
    json: {
      changed: true,
      route: { prefix: "10.1.1.0/24", via: "carol", node: id, metric: 100, snat: true },
      ledgerSeq: 3,
    },
    load: () => import("./commands/route_approve.ts"),
  },
  {
    name: "route list",
    summary: "List the routes in force",
    details: [
      "Asks this machine's daemon, which also says whether it uses a route; without a daemon, or with --network or --config-dir, the ledger (then active is null).",
    ],
    examples: [{ line: "ghostctl route list", what: "all routes" }],
    json: {
      routes: [{
        prefix: "10.1.1.0/24",
        lan: "192.168.1.0/24",
        via: "carol",
        node: id,
        metric: 100,
        snat: true,
        active: true,
        reason: "",
      }],
    },
    load: () => import("./commands/route_list.ts"),
  },
  {
    name: "route remove",
    summary: "Take a route out (admin)",
    arguments: [
      { name: "prefix", summary: "the route's prefix" },
      { name: "via", summary: "", literal: true, optional: true },
      { name: "name", summary: "its carrier by name or id, when there are several", optional: true },
    ],
    examples: [{ line: "ghostctl route remove 10.1.1.0/24", what: "whoever carries it" }],
    json: { changed: true, route: { prefix: "10.1.1.0/24", via: "carol", node: id }, goesOn: false, ledgerSeq: 4 },
    load: () => import("./commands/route_remove.ts"),
  },
];
