import assert from "node:assert/strict";
import { interleave, ratios } from "./rounds.ts";

Deno.test("interleave() measures each once a round and begins each round with another", async () => {
  const order: string[] = [];
  const samples = await interleave(["a", "b", "c"], {
    rounds: 4,
    measure: (name, round) => Promise.resolve(order.push(`${name}${round}`)),
  });
  assert.deepEqual(order, ["a0", "b0", "c0", "b1", "c1", "a1", "c2", "a2", "b2", "a3", "b3", "c3"]);
  assert.deepEqual(samples.get("b"), [2, 4, 9, 11]);
});

Deno.test("ratios() divides within the round, and gives none for what was not measured", () => {
  const samples = new Map([["a", [{ n: 2 }, { n: 9 }]], ["b", [{ n: 4 }, { n: 3 }]]]);
  assert.deepEqual(ratios(samples, ["a", "b"], ({ n }) => n), [0.5, 3]);
  assert.deepEqual(ratios(samples, ["x", "b"], ({ n }) => n), []);
});
