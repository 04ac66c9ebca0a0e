import assert from "node:assert/strict";
import { Doubts } from "./doubts.ts";

Deno.test("Doubts reads counters once more than it is at it, asks STUN each time, and outlives a look that fails", async () => {
  const looks: PromiseWithResolvers<ReadonlyMap<string, { rxBytes: number; txBytes: number }>>[] = [];
  let counted = 0;
  let asked = 0;
  const doubts = new Doubts({
    count: () => {
      looks.push(Promise.withResolvers());
      return looks.at(-1)!.promise;
    },
    counted: () => counted++,
    freshen: () => asked++,
  });
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  for (let n = 0; n < 5; n++) doubts.raise();
  await turn();
  doubts.raise();
  await turn();
  assert.deepEqual([looks.length, asked], [1, 6]);
  looks[0]!.reject(new Error("no such interface"));
  await turn();
  assert.deepEqual([looks.length, counted], [2, 0]);
  looks[1]!.resolve(new Map());
  await doubts.stop();
  assert.equal(counted, 1);
  doubts.raise();
  await turn();
  assert.equal(looks.length, 2);
});
