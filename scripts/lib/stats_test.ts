import assert from "node:assert/strict";
import { medianInterval, quantile, slope, spread } from "./stats.ts";

const numbers = (n: number) => Array.from({ length: n }, (_, i) => n - i); // n to 1, not in order

Deno.test("quantile() gives the value below which that part lies, and the largest at the end", () => {
  assert.equal(quantile(numbers(100), 0.5), 51);
  assert.equal(quantile(numbers(100), 0.99), 100);
  assert.equal(quantile(numbers(3), 1), 3);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

Deno.test("spread() shows median, smallest and largest", () => {
  assert.equal(spread([3, 1, 2], 1), "2.0 (1.0-3.0)");
  assert.equal(spread([1.26], 1), "1.3");
  assert.equal(spread([], 1), "-");
});

Deno.test("medianInterval() takes all of few values and ever less of many", () => {
  assert.deepEqual(medianInterval(numbers(3)), [1, 3]);
  assert.deepEqual(medianInterval(numbers(100)), [41, 60]); // binomial(100, 1/2): ranks 41 to 60 hold 94%
  const [low, high] = medianInterval(numbers(1_001));
  assert.ok(low < 501 && 501 < high && high - low < 70, `${low}-${high}`);
});

Deno.test("slope() is that of the line that fits best", () => {
  assert.equal(slope([[0, 1], [1, 3], [2, 5]]), 2);
  assert.equal(slope([[0, 0], [1, 1], [2, 0], [3, 1]]), 0.2);
  assert.ok(Number.isNaN(slope([[1, 1]])));
});
