import assert from "node:assert/strict";
import fc from "fast-check";
import { ReplayWindow } from "./replay.ts";

Deno.test("ReplayWindow takes each number once, in any order", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 9_000, max: 9_100 }), { maxLength: 200 }), (numbers) => {
    const window = new ReplayWindow(1000);
    const taken = numbers.filter((n) => window.take(n, 9_500) === null);
    assert.deepEqual([...taken].sort(), [...new Set(numbers)].sort());
  }));
});

Deno.test("ReplayWindow refuses what is too old, and goes on refusing what it has forgotten", () => {
  const window = new ReplayWindow(5_000);
  assert.equal(window.take(4_000, 9_001), "old");
  assert.equal(window.take(4_001, 9_001), null);
  for (let n = 0; n < 5_000; n++) assert.equal(window.take(10_000 + n, 10_000), null);
  assert.equal(window.take(10_000, 10_000), "replayed", "forgotten, but below the floor");
  assert.equal(window.take(14_999, 10_000), "replayed");
  assert.equal(window.take(15_000, 10_000), null);
});

Deno.test("ReplayWindow is spent once a fresh one would refuse the same", () => {
  const window = new ReplayWindow(1000);
  assert.equal(window.take(5_000, 5_000), null);
  assert.equal(window.spent(6_000), false);
  assert.equal(window.spent(6_001), true);
  assert.equal(new ReplayWindow(1000).take(5_000, 6_001), "old");
});

Deno.test("ReplayWindow goes on taking a sender's numbers whose clock ran ahead before, and none of them twice", () => {
  for (const ahead of [3, 1_000]) {
    const window = new ReplayWindow(9_000);
    for (let n = 0; n < ahead; n++) assert.equal(window.take(18_000 + n, 10_000), null);
    for (let n = 0; n < 3_000; n++) {
      assert.equal(window.take(10_000 + n, 10_000), null, `${n} after ${ahead}`);
      assert.equal(window.take(10_000 + n, 10_000), "replayed");
    }
    for (let n = 0; n < ahead; n++) assert.equal(window.take(18_000 + n, 10_000), "replayed");
  }
});

Deno.test("ReplayWindow takes nothing from far ahead, so that any number of it costs the sender nothing once its clock is right", () => {
  const window = new ReplayWindow(1000);
  for (let n = 0; n < 5_000; n++) assert.equal(window.take(9_000_000 + n, 10_000), "ahead");
  for (let n = 0; n < 900; n++) assert.equal(window.take(10_000 + n, 10_000), null);
  assert.equal(window.take(11_000, 10_000), null);
  assert.equal(window.take(11_001, 10_000), "ahead");
  assert.equal(window.take(9_000_000, 9_000_000), null, "its time has come");
});
