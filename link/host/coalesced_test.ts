import assert from "node:assert/strict";
import { steady } from "../../mesh/host/clock.ts";
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

Deno.test("Coalesced.held() waits past runs that fail, for one that began after it was asked", async () => {
  const runs: PromiseWithResolvers<boolean>[] = [];
  const work = new Coalesced(() => (runs.push(Promise.withResolvers()), runs.at(-1)!.promise));
  const seen: string[] = [];
  const turn = () => new Promise((r) => setTimeout(r, 1));
  void work.held().then(() => seen.push("first"));
  await turn();
  void work.held().then(() => seen.push("second")); // the first run has begun without it
  runs[0]!.resolve(false);
  await turn();
  assert.deepEqual([runs.length, seen], [2, []]);
  runs[1]!.resolve(false);
  await turn();
  assert.deepEqual([runs.length, seen], [2, []]); // a failure is not tried again by itself
  void work.held().then(() => seen.push("third"));
  await turn();
  void work.held().then(() => seen.push("fourth"));
  runs[2]!.resolve(true);
  await turn();
  assert.deepEqual([runs.length, seen.sort()], [4, ["first", "second", "third"]]);
  runs[3]!.resolve(true);
  await turn();
  assert.equal(seen.includes("fourth"), true);
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
  const timer = new DeadlineTimer(() => [Date.now() + 40 * 86_400_000], () => ticks++);
  timer.arm();
  await new Promise((r) => setTimeout(r, 50));
  timer.stop();
  assert.equal(ticks, 0);
});

Deno.test("DeadlineTimer ticks in time when the machine's clock has been set back by an hour", async () => {
  const real = Date.now;
  const ticked = Promise.withResolvers<void>();
  let due: number | null = steady.now() + 20;
  const timer = new DeadlineTimer(() => [due], () => {
    due = null;
    ticked.resolve();
  });
  try {
    Date.now = () => real() - 3_600_000;
    timer.arm();
    const late = setTimeout(() => ticked.reject(new Error("It waits for the hour to come once more")), 20_000);
    await ticked.promise;
    clearTimeout(late);
  } finally {
    Date.now = real;
    timer.stop();
  }
});
