import assert from "node:assert/strict";
import {
  chooseRoutes,
  Health,
  leadsThroughCarrier,
  overlaps,
  type RouteFacts,
  type RouteOffer,
  type RouteUse,
} from "./mod.ts";

const offer = (node: string, o: Partial<RouteOffer> = {}): RouteOffer => ({
  prefix: "10.1.1.0/24",
  node,
  metric: 100,
  snat: true,
  ...o,
});

function facts(theirs: RouteOffer[], o: Partial<RouteFacts> & { down?: string[]; rtt?: Record<string, number> } = {}) {
  return {
    theirs,
    mine: [],
    own: [],
    gateways: [],
    coordinator: [],
    carrier: (id: string) => ({ up: !o.down?.includes(id), rttMs: o.rtt?.[id] ?? null }),
    current: new Map(),
    ...o,
  };
}
const chosen = (f: RouteFacts) => chooseRoutes(f).filter((u) => u.active).map((u) => u.route.node);

Deno.test("chooseRoutes() takes the healthy, then the lowest metric, then the nearest, then the lower id", () => {
  const both = [offer("b"), offer("a")];
  assert.deepEqual(chosen(facts(both)), ["a"]);
  assert.deepEqual(chosen(facts(both, { rtt: { a: 40, b: 5 } })), ["b"]);
  assert.deepEqual(chosen(facts([offer("a"), offer("b", { metric: 10 })], { rtt: { a: 1, b: 90 } })), ["b"]);
  assert.deepEqual(chosen(facts([offer("a"), offer("b", { metric: 10 })], { down: ["b"] })), ["a"]);
  assert.deepEqual(chosen(facts(both, { down: ["a", "b"] })), ["a"], "with nobody there the first stays");
  const standing = chooseRoutes(facts([offer("a", { metric: 1 }), offer("b")], { down: ["a"] }));
  assert.match(standing[1]!.reason!, /cannot be reached/);
});

Deno.test("chooseRoutes() stays with the carrier in use unless another is clearly nearer", () => {
  const both = [offer("a"), offer("b")];
  const current = new Map([["10.1.1.0/24", "b"]]);
  assert.deepEqual(chosen(facts(both, { current, rtt: { a: 9, b: 11 } })), ["b"]);
  assert.deepEqual(chosen(facts(both, { current, rtt: { a: 9, b: 60 } })), ["a"]);
  assert.deepEqual(chosen(facts(both, { current, down: ["b"] })), ["a"]);
  assert.deepEqual(chosen(facts([offer("a", { metric: 1 }), offer("b")], { current })), ["a"]);
});

Deno.test("chooseRoutes() refuses what would cut this machine off, and says why", () => {
  const reason = (o: Partial<RouteFacts>) => {
    const [use] = chooseRoutes(facts([offer("a")], o));
    assert.equal(use!.active, false);
    assert.equal(use!.refused, o.mine === undefined);
    return use!.reason!;
  };
  assert.match(reason({ own: ["10.1.1.7"] }), /inside the prefix \(10\.1\.1\.7\)/);
  assert.match(reason({ gateways: ["10.1.1.1"] }), /own gateway/);
  assert.match(reason({ coordinator: ["192.0.2.1", "10.1.1.9"] }), /coordinator is inside the prefix \(10\.1\.1\.9\)/);
  assert.deepEqual(chosen(facts([offer("a")], { coordinator: ["10.1.2.9", "fd00::1"] })), ["a"]);
  assert.match(reason({ mine: [offer("self")] }), /carries the prefix itself/);
});

Deno.test("overlaps() tells prefixes within each other", () => {
  const routes = [offer("a", { prefix: "10.0.0.0/8" }), offer("a"), offer("b"), offer("b", { prefix: "fd00::/64" })];
  assert.deepEqual(overlaps(routes), [
    "the route 10.1.1.0/24 lies within 10.0.0.0/8: for its addresses the longer prefix wins",
  ]);
});

Deno.test("Health counts a router as gone after three misses, never one that never answered, and back after six answers", () => {
  const health = new Health();
  for (let i = 0; i < 9; i++) assert.equal(health.missed("quiet"), false);
  assert.equal(health.of("quiet").good, true);
  health.answered("a", 10);
  assert.deepEqual([health.missed("a"), health.missed("a"), health.missed("a"), health.missed("a")], [
    false,
    false,
    true,
    false,
  ]);
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => health.answered("a", 10)), [false, false, false, false, false, true]);
  assert.deepEqual(health.of("a"), { good: true, rttMs: 10 });
});

Deno.test("leadsThroughCarrier() finds addresses of a site that only a peer leads to, and no public ones", () => {
  const use = (prefix: string, active: boolean): RouteUse => ({
    route: offer("carol", { prefix }),
    active,
    reason: null,
    refused: false,
  });
  const uses = [use("10.0.0.0/8", true), use("172.16.0.0/12", false), use("0.0.0.0/1", true), use("fd01::/64", true)];
  const others = ["10.9.1.0/24", "192.168.0.0/16"].map((prefix) => ({ prefix }));
  const through = ["10.1.1.3", "100.64.1.1", "fd01::7"];
  const past = ["10.9.1.7", "172.16.1.1", "192.168.1.1", "8.8.8.8", "fd02::7", "2001:db8::1"];
  assert.deepEqual([...through, ...past].filter((address) => leadsThroughCarrier(address, { uses, others })), through);
});
