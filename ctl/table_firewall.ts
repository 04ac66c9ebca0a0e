/** The verbs about this machine's firewall. */
import type { CommandSpec } from "./spec.ts";

const watch = { name: "watch", summary: "again every second" } as const;
const time = "2026-01-01T00:00:00.000Z";
const row = { line: 12, direction: "in", what: "allow", text: "lets bob reach this machine on tcp/443" };
const head = { backend: "nft", interface: "ghost0", entry: 5, since: time };

export const FIREWALL_COMMANDS: readonly CommandSpec[] = [
  {
    name: "firewall show",
    summary: "Say in words what this machine's firewall does",
    details: [
      "Everybody on the machine may ask. The rules are those of the policy in force, with the lines where they stand.",
    ],
    examples: [{ line: "ghostctl firewall show", what: "what is let in, by which rule" }],
    json: { ...head, rows: [row] },
    load: () => import("./commands/firewall_show.ts"),
  },
  {
    name: "firewall counters",
    summary: "Count the packets of each rule of this machine's firewall",
    options: [watch],
    details: [
      "Counting goes on when machines come and go, and starts again with another policy. Rules with the same targets and ports count together. Packets that answer are not counted.",
    ],
    examples: [{ line: "ghostctl firewall counters --watch", what: "while something is tried" }],
    json: { ...head, rows: [{ ...row, packets: 7, bytes: 420, with: [9] }] },
    load: () => import("./commands/firewall_counters.ts"),
  },
  {
    name: "firewall log",
    summary: "List the flows that were dropped or logged on this machine lately",
    options: [watch, { name: "last", value: "N", summary: "so many of them (100)" }],
    details: [
      "Packets of one flow stand together, the newest flow first. They are kept in nftables sets, not in the kernel's log: for an hour, at most 256 of each rule, kind and family; a full set takes no more until some are forgotten.",
    ],
    examples: [{ line: "ghostctl firewall log", what: "what did not get through, and why" }],
    json: {
      flows: [{
        time,
        what: "refused",
        line: null,
        direction: "in",
        source: "100.64.7.8",
        destination: "100.64.7.9",
        protocol: "tcp",
        port: 22,
        packets: 3,
      }],
    },
    load: () => import("./commands/firewall_log.ts"),
  },
];
