/** The verbs about this machine's network and paths. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec } from "./spec.ts";

const id = "f4k2q3x7m5v6b2n4c7d3s5a2ga";
const place = { type: "srflx", address: "203.0.113.7", port: 51820 };

export const NETWORK_COMMANDS: readonly CommandSpec[] = [
  {
    name: "netcheck",
    summary: "Look at this machine's network: its NAT, IPv6, UDP, and the way to each gate",
    details: [
      "NATs are named in the words of RFC 4787. A gate with one address cannot tell an endpoint-independent mapping from an address-dependent one; then certain is false.",
      "The router's port mapping (PCP, NAT-PMP, UPnP) is of the tunnel's own port; portmap = false in [link] of ghostlink.toml switches it off.",
    ],
    examples: [{ line: "ghostctl netcheck", what: "why paths are as they are" }],
    json: {
      udp: true,
      ipv4: {
        mapping: "endpoint-independent",
        certain: true,
        filtering: "address-and-port-dependent",
        portPreserving: true,
        address: "203.0.113.7",
      },
      ipv6: { works: false, address: null },
      portMapping: {
        enabled: true,
        gateway: "192.168.1.1",
        answered: ["pcp", "nat-pmp"],
        mapping: { protocol: "pcp", address: "203.0.113.7", port: 51820 },
        why: null,
      },
      clock: { aheadMs: 120 },
      coordinator: true,
      gates: [{ name: "gate1", rttMs: 8.1, use: "home", rungs: ["lane", "quic", "turn"], turn: ["udp", "tls"] }],
      verdict: [""],
    },
    load: () => import("./commands/netcheck.ts"),
  },
  {
    name: "debug path",
    summary: "Show all about the path to a machine: candidates, pairs, what happened when",
    arguments: [{ name: "peer", summary: "its name, id or address" }],
    examples: [{ line: "ghostctl debug path bob", what: "why bob is not direct" }],
    json: {
      name: "bob",
      id,
      rung: "direct",
      endpoint: "203.0.113.7:51820",
      rttMs: 4.2,
      why: null,
      ice: { role: "controlling", state: "connected" },
      candidates: { local: [place], remote: [place] },
      pairs: [{
        local: "10.0.0.2:51820",
        remote: "203.0.113.7:51820",
        type: "srflx",
        state: "succeeded",
        checks: 3,
        rttMs: 4.2,
      }],
      guess: null,
      timeline: [{ time: "2026-01-01T00:00:00.000Z", what: "path: direct 203.0.113.7:51820" }],
    },
    load: () => import("./commands/debug_path.ts"),
  },
];
