import assert from "node:assert/strict";
import { type Bridge, renderBridgeChange, renderTable, tableName, type TableParts } from "./nft_table.ts";

const PARTS: TableParts = {
  wgPort: 51820,
  stunPort: 51821,
  bridges: [],
  joins: [],
  filter: "",
  carried: [],
  guards: [],
};
const FOUR: Bridge = { relayPort: 40001, remote: { address: "203.0.113.5", port: 61000 }, local: "192.168.1.7" };
const SIX: Bridge = { relayPort: 40002, remote: { address: "2001:DB8::5", port: 61001 }, local: "2001:db8::7" };

Deno.test("renderTable() replaces one table in one transaction", () => {
  const text = renderTable("ghost0", PARTS);
  assert.ok(
    text.startsWith(
      "add table inet ghostlink_ghost0\ndelete table inet ghostlink_ghost0\ntable inet ghostlink_ghost0 {\n",
    ),
  );
  assert.equal(tableName("my-vpn"), "ghostlink_my/vpn");
});

Deno.test("renderTable() shares the port before and after conntrack, with another TTL for both families", () => {
  const text = renderTable("ghost0", PARTS);
  assert.match(
    text,
    /hook prerouting priority mangle;\n +fib daddr type != local return\n +udp dport 51820 @th,96,32 0x2112a442 udp dport set 51821\n/,
  );
  assert.match(
    text,
    /hook output priority raw;\n.*ip ttl set 63\n.*ip6 hoplimit set 63\n +udp sport 51821 udp sport set 51820\n/,
  );
  assert.doesNotMatch(renderTable("ghost0", { ...PARTS, stunPort: null }), /0x2112a442/);
});

Deno.test("renderTable() gives a lane's late data other addresses, and never the STUN that opens a lane at that gate anew", () => {
  const late = { address: "203.0.113.20", port: 40001 };
  const text = renderTable("ghost0", { ...PARTS, bridges: [{ ...FOUR, late }] });
  assert.match(text, /map late_of4 .*;\n +elements = \{ 203\.0\.113\.20 \. 40001 : 40001 \}/);
  const rules = [...text.matchAll(/^ +udp dport 51820(.*) meta mark set (ip6?) saddr \. udp sport map @late_of/gm)];
  assert.deepEqual(rules.map(([, which, ip]) => [which, ip]), [
    [" @th,96,32 != 0x2112a442", "ip"],
    [" @th,96,32 != 0x2112a442", "ip6"],
  ]);
});

Deno.test("renderTable() has parts for carried routes and guards only when there are some", () => {
  assert.doesNotMatch(renderTable("ghost0", PARTS), /masquerade|maxseg|hook forward/);
  const text = renderTable("ghost0", {
    ...PARTS,
    carried: [{ prefix: "10.1.1.9/24", snat: true }, { prefix: "fd01::/64", snat: true }, {
      prefix: "10.7.0.0/16",
      snat: false,
    }],
    guards: [{ iface: "eth1", family: 4 }, { iface: null, family: 6 }],
  });
  assert.match(text, /iifname "ghost0" oifname != "ghost0" ip daddr 10\.1\.1\.0\/24 masquerade/);
  assert.match(text, /ip6 daddr fd01::\/64 masquerade/);
  assert.match(text, /10\.1\.1\.0\/24 masquerade\n.*10\.7\.0\.0\/16 return/);
  assert.match(text, /meta nfproto ipv4 iifname "eth1" oifname != "ghost0" drop/);
  assert.match(text, /meta nfproto ipv6 iifname != "ghost0" oifname != "ghost0" drop/);
  assert.equal(text.match(/maxseg size set rt mtu/g)?.length, 2);
});

Deno.test("renderBridgeChange() deletes what goes or changes before it adds, per family, and says nothing for nothing", () => {
  assert.equal(renderBridgeChange("ghost0", [FOUR, SIX], [SIX, FOUR]), "");
  const moved = { ...FOUR, remote: { address: "203.0.113.5", port: 61999 } };
  assert.equal(
    renderBridgeChange("ghost0", [FOUR], [moved, SIX]),
    [
      "delete element inet ghostlink_ghost0 bridge_local4 { 40001 }",
      "delete element inet ghostlink_ghost0 bridge_remote4 { 40001 }",
      "delete element inet ghostlink_ghost0 bridge_port4 { 40001 }",
      "add element inet ghostlink_ghost0 bridge_local4 { 40001 : 192.168.1.7 }",
      "add element inet ghostlink_ghost0 bridge_remote4 { 40001 : 203.0.113.5 }",
      "add element inet ghostlink_ghost0 bridge_port4 { 40001 : 61999 }",
      "add element inet ghostlink_ghost0 bridge_local6 { 40002 : 2001:db8::7 }",
      "add element inet ghostlink_ghost0 bridge_remote6 { 40002 : 2001:db8::5 }",
      "add element inet ghostlink_ghost0 bridge_port6 { 40002 : 61001 }",
      "",
    ].join("\n"),
  );
});

Deno.test("renderTable() joins a guessed port to WireGuard's, towards that one address, before STUN is told apart", () => {
  const joins = [{ port: 40123, remote: { address: "203.0.113.3", port: 51820 } }];
  const text = renderTable("ghost0", { ...PARTS, joins });
  const inward = text.indexOf("ip saddr 203.0.113.3 udp sport 51820 udp dport 40123 udp dport set 51820");
  const outward = text.indexOf("ip daddr 203.0.113.3 udp dport 51820 udp sport { 51820, 51821 } udp sport set 40123");
  assert.ok(inward > 0 && inward < text.indexOf("udp dport 51820 @th,96,32 0x2112a442"));
  assert.ok(outward > inward && outward < text.indexOf("udp sport 51821 udp sport set 51820"));
});
