import assert from "node:assert/strict";
import { Coalesced, DeadlineTimer } from "./coalesced.ts";

Deno.test("Coalesced runs once for requests that come together, and never twice at once", async () => {
  let running = 0;
  let runs = 0;
  const work = new Coalesced(async () => {
    assert.equal(++running, 1);
    runs++;
    await new Promise((r) => setTimeout(r, 1));
    running--;
  });
  const first = work.request();
  await Promise.resolve(); // it has begun
  await Promise.all([first, work.request(), work.request(), work.request()]);
  assert.equal(runs, 2);
});

Deno.test("Coalesced.stop() waits for the run under way and begins no other", async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const work = new Coalesced(async () => {
    runs++;
    await gate.promise;
  });
  void work.request();
  await Promise.resolve();
  const queued = work.request();
  let stopped = false;
  const stop = work.stop().then(() => stopped = true);
  await new Promise((r) => setTimeout(r, 1));
  assert.equal(stopped, false);
  gate.resolve();
  await Promise.all([stop, queued, work.request()]);
  assert.equal(runs, 1);
});

Deno.test("DeadlineTimer does not fire over and over for a deadline that is far away", async () => {
  let ticks = 0;
  // As after a clock that was set back by a month.
  const timer = new DeadlineTimer(() => [Date.now() + 40 * 86_400_000], () => ticks++);
  timer.arm();
  await new Promise((r) => setTimeout(r, 50));
  timer.stop();
  assert.equal(ticks, 0);
});
