import assert from "node:assert/strict";
import { SteadyClock } from "./clock.ts";

Deno.test("SteadyClock goes on when the machine's clock is set back, follows it ahead, and tells its times as that one would", () => {
  let wall = 10_000;
  const clock = new SteadyClock(() => wall);
  const at = (time: number) => {
    wall = time;
    return clock.now();
  };
  assert.deepEqual([10_000, 10_500, 90_000].map(at), [10_000, 10_500, 90_000]);
  assert.deepEqual([3_000, 3_000, 3_400].map(at), [90_000, 90_000, 90_400]);
  assert.equal(clock.shown(90_400), 3_400);
  assert.deepEqual([1_000, 2_000].map(at), [90_400, 91_400]);
  assert.equal(clock.shown(91_400), 2_000);
});
