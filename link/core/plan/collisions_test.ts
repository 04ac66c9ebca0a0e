import assert from "node:assert/strict";
import { type CollisionFacts, collisions, doubtfulPeers } from "./collisions.ts";

const FACTS: CollisionFacts = {
  ranges: ["100.64.0.0/10", "fd3c:4991:a28::/48"],
  addresses: [{ address: "192.168.1.7", iface: "eth0" }],
  routes: [{ prefix: "192.168.1.0/24", iface: "eth0" }, { prefix: "0.0.0.0/1", iface: "tun0" }],
  peers: [{ name: "bob", addresses: ["100.64.9.7", "fd3c:4991:a28::7"] }, {
    name: "carol",
    addresses: ["100.100.1.1"],
  }],
  leavesBy: new Map(),
};

Deno.test("collisions() is silent where nothing overlaps, halves of the internet included", () => {
  assert.deepEqual(collisions(FACTS), []);
  assert.deepEqual(doubtfulPeers(FACTS), []);
});

Deno.test("collisions() names a carrier's network, and the peer that hides a host there", () => {
  const f = {
    ...FACTS,
    addresses: [{ address: "100.64.9.2", iface: "wan0" }],
    routes: [{ prefix: "100.64.9.0/24", iface: "wan0" }],
  };
  assert.deepEqual(doubtfulPeers(f), ["100.64.9.7"]);
  assert.deepEqual(collisions({ ...f, leavesBy: new Map([["100.64.9.7", "ghost0"]]) }), [
    "wan0 has 100.64.9.2 and leads 100.64.9.0/24, in the network's own range 100.64.0.0/10: " +
    "bob (100.64.9.7) hides the host with the same address there",
  ]);
  assert.match(collisions({ ...f, peers: [] })[0]!, /: no peer has such an address now$/);
});

Deno.test("collisions() names peers whose packets leave elsewhere, and what Tailscale's firewall does", () => {
  const f = {
    ...FACTS,
    addresses: [{ address: "100.101.102.103", iface: "tailscale0" }, { address: "100.64.9.7", iface: "eth1" }],
    routes: [{ prefix: "100.100.1.1/32", iface: "tailscale0" }, { prefix: "100.100.1.1/32", iface: "tailscale0" }],
    leavesBy: new Map([["100.100.1.1", "tailscale0"]]),
  };
  const [first, second, ...more] = collisions(f);
  assert.deepEqual(more, []);
  assert.match(first!, /^eth1 has 100\.64\.9\.7, .*: bob \(100\.64\.9\.7\) cannot be reached by that address/);
  assert.match(second!, /^tailscale0 has 100\.101\.102\.103 and leads 100\.100\.1\.1\/32, /);
  assert.match(second!, /carol \(100\.100\.1\.1\) cannot be reached by that address, .*Tailscale's firewall drops/);
});

Deno.test("collisions() sees a route that holds the whole range, of IPv6 too, and names three of many", () => {
  const wide = collisions({ ...FACTS, routes: [{ prefix: "100.0.0.0/8", iface: "vpn" }] });
  assert.match(wide[0]!, /^vpn leads 100\.0\.0\.0\/8, .*range 100\.64\.0\.0\/10: bob \(100\.64\.9\.7\), carol/);
  const six = collisions({ ...FACTS, routes: [{ prefix: "fd3c:4991:a28:1::/64", iface: "lan" }] });
  assert.match(six[0]!, /range fd3c:4991:a28::\/48: no peer/);
  const many = [1, 2, 3, 4, 5].map((n) => ({ prefix: `100.64.${n}.0/24`, iface: "lan" }));
  assert.match(collisions({ ...FACTS, routes: many })[0]!, /100\.64\.3\.0\/24 and 2 more, /);
});
