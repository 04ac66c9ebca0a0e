import assert from "node:assert/strict";
import { exitNumbers, exitState } from "../../core/plan/mod.ts";
import { parseExitRoutes, parseExitRules, parseOtherExits } from "./rules.ts";

const { priority, into, table } = exitNumbers("ghost0");

Deno.test("parseExitRules() reads back what was planned, and nobody else's", () => {
  const json = [
    { priority: 0, src: "all", table: "local" },
    { priority, src: "all", fwmark: "0x67680000", table: "main", protocol: "207" },
    {
      priority,
      src: "all",
      dst: "100.64.0.0",
      dstlen: 10,
      table: "main",
      suppress_prefixlen: 0,
      protocol: "207",
    },
    { priority: priority + 1, src: "all", ipproto: "udp", sport: 51821, table: "main", protocol: "207" },
    {
      priority: priority + 1,
      src: "all",
      dst: "203.0.113.9",
      ipproto: "tcp",
      dport: 7777,
      table: "main",
      protocol: "207",
    },
    { priority: priority + 2, src: "all", dst: "172.17.0.0", dstlen: 16, table: "main", protocol: "207" },
    { priority: priority + 2, src: "all", table: "main", suppress_prefixlen: 0, protocol: "207" },
    { priority: into, src: "all", table: `${table}`, protocol: "207" },
    { priority: into, src: "all", table: "99" },
    { priority: priority + 3, src: "all", table: "main", protocol: "207" },
    { priority: 32766, src: "all", table: "main" },
  ];
  const [want] = exitState({
    use: true,
    ipv4: true,
    ipv6: true,
    lan: true,
    source: null,
    ports: [51821],
    services: [{ address: "203.0.113.9", protocol: "tcp", port: 7777 }],
    containers: ["172.17.0.0/16"],
    carried: [],
    overlay: ["100.64.0.0/10"],
  });
  assert.deepEqual(parseExitRules(json, "ghost0"), [...want.rules]);
  assert.deepEqual(parseOtherExits(json, "ghost0"), { tables: [], ports: [], services: [] });
  assert.deepEqual(parseExitRules(json, "ghost1"), []);
  assert.deepEqual(parseOtherExits(json, "ghost1"), {
    tables: [`${table}`],
    ports: [51821],
    services: [{ address: "203.0.113.9", protocol: "tcp", port: 7777 }],
  });
});

Deno.test("parseExitRoutes() finds the default routes of its own table", () => {
  const rows = [
    { dst: "default", dev: "eth0", table: "main" },
    { dst: "10.1.1.0/24", dev: "ghost0", table: `${table}` },
  ];
  assert.deepEqual(parseExitRoutes(rows, "ghost0"), []);
  const tunnel = { dst: "default", dev: "ghost0", table: `${table}`, metric: 18_700, prefsrc: "100.64.0.1" };
  const blocked = { type: "unreachable", dst: "default", dev: "lo", table: `${table}`, metric: 18_900 };
  assert.deepEqual(parseExitRoutes([...rows, tunnel, blocked], "ghost0"), [
    { kind: "tunnel", source: "100.64.0.1", metric: 18_700 },
    { kind: "unreachable", metric: 18_900 },
  ]);
});
