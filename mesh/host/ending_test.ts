import assert from "node:assert/strict";
import { collect } from "./testing_memory.ts";
import { Ending } from "./ending.ts";

Deno.test("Ending.before() gives what the work gives, and what it throws", async () => {
  const ending = new Ending();
  assert.equal(await ending.before(Promise.resolve(7)), 7);
  await assert.rejects(ending.before(Promise.reject(new Error("no"))), /no/);
});

Deno.test("Ending.before() gives null when the end comes first, also when it was there before", async () => {
  const ending = new Ending();
  const late = Promise.withResolvers<number>();
  const waits = ending.before(late.promise);
  ending.end();
  assert.equal(await waits, null);
  assert.equal(await ending.before(Promise.resolve(7)), null);
  late.reject(new Error("nobody waits for this")); // and nobody is told
  assert.equal(await ending.before(Promise.reject(new Error("nor for this"))), null);
});

Deno.test("Ending.before() keeps nothing of work that is done while the end is far", async () => {
  const ending = new Ending();
  const refs = await Promise.all(Array.from({ length: 50 }, async () => {
    const value = await ending.before(Promise.resolve({ bytes: new Uint8Array(10) }));
    return new WeakRef(value!);
  }));
  await collect();
  assert.equal(refs.filter((ref) => ref.deref() !== undefined).length, 0);
  ending.end();
});
