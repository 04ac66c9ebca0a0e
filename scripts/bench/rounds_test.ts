import assert from "node:assert/strict";
import { interleave, interval, ratios, verdict } from "./rounds.ts";

Deno.test("interleave() measures each once a round and goes back in every second round, so that neighbours stay neighbours", async () => {
  const order: string[] = [];
  const samples = await interleave(["a", "b", "c"], {
    rounds: 4,
    measure: (name, round) => Promise.resolve(order.push(`${name}${round}`)),
  });
  assert.deepEqual(order, ["a0", "b0", "c0", "c1", "b1", "a1", "a2", "b2", "c2", "c3", "b3", "a3"]);
  assert.deepEqual(samples.get("b"), [2, 5, 8, 11]);
});

Deno.test("ratios() divides within the round, and gives none for what was not measured", () => {
  const samples = new Map([["a", [{ n: 2 }, { n: 9 }]], ["b", [{ n: 4 }, { n: 3 }]]]);
  assert.deepEqual(ratios(samples, ["a", "b"], ({ n }) => n), [0.5, 3]);
  assert.deepEqual(ratios(samples, ["x", "b"], ({ n }) => n), []);
});

Deno.test("verdict() is open while the goal lies within the interval of the median, or rounds are few", () => {
  const times = (count: number, ...values: number[]) => Array.from({ length: count }, () => values).flat();
  assert.equal(verdict(times(2, 1, 1.01, 0.99), 0.98), "met");
  assert.equal(verdict(times(2, 0.9, 0.97, 0.95), 0.98), "not met");
  assert.equal(verdict(times(2, 0.9, 1.2, 1.1), 0.98), "open (reached so far): too noisy to tell");
  assert.equal(verdict([1, 1.01, 0.99], 0.98), "open (reached so far): too few rounds to tell");
  assert.equal(verdict([0.9], 0.98), "open (missed so far): too few rounds to tell");
  // One outlier of many does not make it open: of these 20 the interval leaves out five at either end.
  const many = Array.from({ length: 20 }, (_, i) => i === 0 ? 0.5 : 1 + i / 1000);
  assert.equal(verdict(many, 0.98), "met");
  assert.equal(interval(many, 3), "1.010 (1.005-1.014)");
  assert.equal(interval([], 2), "-");
});
