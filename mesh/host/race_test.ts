import assert from "node:assert/strict";
import { race } from "./race.ts";

type Way = (signal: AbortSignal) => Promise<string>;

/** Comes only when it is given up. */
const slow: Way = (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("slow")));
const refused = (why: string): Way => () => Promise.reject(new Error(why));

/** A race of these ways, and what came too late. */
function run(ways: Way[], signal = new AbortController().signal) {
  const late: string[] = [];
  const dial = (way: Way, o: { signal: AbortSignal }) => way(o.signal);
  return { late, ...race(ways, { dial, close: (it) => late.push(it), signal }) };
}

Deno.test("race() gives what comes first without waiting for the others, ends them, and hands back what comes too late", async () => {
  const held = Promise.withResolvers<string>();
  const { first, ended, late } = run([() => held.promise, () => Promise.resolve("quick")]);
  assert.equal(await first, "quick");
  assert.deepEqual(late, []);
  held.resolve("slow");
  await ended;
  assert.deepEqual(late, ["slow"]);
});

Deno.test("race() tries the next way when one has failed, also while an earlier one is silent", async () => {
  const tried: string[] = [];
  const noted = (name: string, way: Way): Way => (signal) => {
    tried.push(name);
    return way(signal);
  };
  const { first, ended, late } = run([
    noted("a", slow),
    noted("b", refused("no")),
    noted("c", () => Promise.resolve("third")),
  ]);
  assert.equal(await first, "third");
  await ended;
  assert.deepEqual([tried, late], [["a", "b", "c"], ["slow"]]);
});

Deno.test("race() throws what all of them threw", async () => {
  const { first, ended, late } = run([refused("one"), refused("two")]);
  const failure = await first.then(() => null, (error: AggregateError) => error);
  assert.deepEqual(failure?.errors.map(({ message }) => message), ["one", "two"]);
  await ended;
  assert.deepEqual(late, []);
});

Deno.test("race() that nobody wants any more hands back what comes, and starts nothing", async () => {
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const silent: Way = (signal) => {
    begun.resolve();
    return slow(signal);
  };
  const { first, late } = run([silent, refused("not to be tried")], stop.signal);
  await begun.promise;
  stop.abort();
  await assert.rejects(first, (error: AggregateError) => error.errors.length === 0);
  assert.deepEqual(late, ["slow"]);
  const none = run([() => Promise.resolve("quick")], stop.signal);
  await assert.rejects(none.first, AggregateError);
  await none.ended;
  assert.deepEqual(none.late, []);
});
