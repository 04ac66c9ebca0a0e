import assert from "node:assert/strict";
import { guarded, type HandlerFault } from "./guarded.ts";

Deno.test("guarded() calls what is not at fault as it is, and tells by name what threw or rejected", async () => {
  const got: unknown[] = [];
  const faults: HandlerFault[] = [];
  const on = guarded({
    well: (n: number, text: string) => void got.push(n, text),
    throws: () => {
      throw new Error("broken");
    },
    rejects: () => Promise.reject(new Error("late")),
  }, { failed: (fault) => faults.push(fault), now: () => 0 });
  on.well(1, "a");
  on.throws();
  on.rejects();
  on.well(2, "b");
  await Promise.resolve();
  assert.deepEqual(got, [1, "a", 2, "b"]);
  assert.deepEqual(faults.map(({ handler, error }) => [handler, (error as Error).message]), [
    ["throws", "broken"],
    ["rejects", "late"],
  ]);
});

Deno.test("guarded() tells a handler that goes on failing seldom, and how often it did", () => {
  let now = 1_000;
  const told: number[] = [];
  const on = guarded({
    packet: () => {
      throw new Error("broken");
    },
  }, { failed: ({ untold }) => told.push(untold), now: () => now });
  for (let i = 0; i < 1_000; i++) on.packet();
  assert.deepEqual(told, [0]);
  now += 10_000;
  on.packet();
  assert.deepEqual(told, [0, 999]);
  now -= 60_000; // the clock was set back
  on.packet();
  assert.deepEqual(told, [0, 999, 0]);
});
