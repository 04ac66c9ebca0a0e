import assert from "node:assert/strict";
import fc from "fast-check";
import { DEBT_LIMITS, StunDebt } from "./stun_debt.ts";

Deno.test("StunDebt lets a bare request be answered, and always one that is as long as its answer", () => {
  const debt = new StunDebt();
  assert.ok(debt.allows({ source: "a", request: 20, answer: 32, now: 0 }));
  for (let n = 0; n < 10_000; n++) assert.ok(debt.allows({ source: "a", request: 52, answer: 52, now: 0 }));
});

Deno.test("StunDebt never lets answers run ahead of what a source, or all, have sent by more than the debt", () => {
  const step = fc.record({ source: fc.nat(5), request: fc.integer({ min: 20, max: 60 }), wait: fc.nat(50) });
  fc.assert(fc.property(fc.array(step, { minLength: 50, maxLength: 600 }), (steps) => {
    const limits = { ...DEBT_LIMITS, allBytes: 3_000, allForgiven: 300 };
    const debt = new StunDebt(limits);
    const ahead = new Map<number, number>();
    let now = 0;
    for (const { source, request, wait } of steps) {
      now += wait;
      const answer = debt.allows({ source: `${source}`, request, answer: 44, now }) ? 44 : 0;
      ahead.set(source, (ahead.get(source) ?? 0) + answer - request);
      assert.ok(ahead.get(source)! <= limits.bytes + limits.forgiven * now / 1000);
      const all = [...ahead.values()].reduce((sum, one) => sum + one, 0);
      assert.ok(all <= limits.allBytes + limits.allForgiven * now / 1000);
    }
  }));
});

Deno.test("StunDebt remembers no more sources than its bound, and forgives with time", () => {
  const debt = new StunDebt({ sources: 2, bytes: 50, forgiven: 10 });
  const bare = (source: string, now: number) => debt.allows({ source, request: 20, answer: 44, now });
  assert.deepEqual([bare("a", 0), bare("a", 0), bare("a", 0)], [true, true, false]);
  assert.ok(bare("a", 10_000), "forgiven");
  for (const source of ["b", "c", "d"]) assert.ok(bare(source, 10_000));
});
