import assert from "node:assert/strict";
import { nodesFor, pairsOf } from "./pairs.ts";

Deno.test("nodesFor() gives the fewest nodes that have so many pairs", () => {
  for (const pairs of [1, 2, 3, 4, 6, 7, 10, 9_999, 10_000]) {
    const nodes = nodesFor(pairs);
    assert.ok(nodes * (nodes - 1) / 2 >= pairs && (nodes - 1) * (nodes - 2) / 2 < pairs, `${pairs}: ${nodes}`);
  }
});

Deno.test("pairsOf() gives different pairs of different nodes, evenly", () => {
  const pairs = pairsOf(nodesFor(1_000), 1_000);
  assert.equal(pairs.length, 1_000);
  assert.equal(new Set(pairs.map(String)).size, 1_000);
  const of = new Map<number, number>();
  for (const pair of pairs) {
    assert.ok(pair[0] < pair[1]);
    for (const node of pair) of.set(node, (of.get(node) ?? 0) + 1);
  }
  const counts = [...of.values()];
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 10, `${Math.min(...counts)}-${Math.max(...counts)}`);
});
