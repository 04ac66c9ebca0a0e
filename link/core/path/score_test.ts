import assert from "node:assert/strict";
import { RUNGS } from "../../../mesh/wire/local.ts";
import { best, compare, score } from "./score.ts";
import { Hold } from "./hold.ts";

const option = (rung: (typeof RUNGS)[number], o: { held?: boolean; rttMs?: number } = {}) => ({
  rung,
  rank: RUNGS.indexOf(rung),
  held: o.held ?? false,
  rttMs: o.rttMs ?? null,
});

Deno.test("score() ranks the rungs in the order of the ladder, whatever their time", () => {
  const shuffled = [
    option("turn", { rttMs: 1 }),
    option("quic"),
    option("none"),
    option("direct", { rttMs: 900 }),
    option("lane"),
  ];
  assert.deepEqual(shuffled.toSorted((a, b) => compare(score(a), score(b))).map(({ rung }) => rung), RUNGS);
});

Deno.test("score() puts a held rung behind all others, and takes it when there is no other", () => {
  assert.equal(best([option("direct", { held: true }), option("turn")])?.rung, "turn");
  assert.equal(best([option("direct", { held: true })])?.rung, "direct");
  assert.equal(best([option("direct", { held: true }), option("quic", { held: true })])?.rung, "direct");
  assert.equal(best([]), undefined);
});

Deno.test("score() takes the faster of two of one rung; unknown time is the slowest", () => {
  assert.equal(best([option("lane"), option("lane", { rttMs: 9 }), option("lane", { rttMs: 4 })])?.rttMs, 4);
  assert.equal(compare(score(option("lane")), score(option("lane"))), 0);
});

Deno.test("Hold doubles up to its longest wait and forgets after a minute of health", () => {
  const hold = new Hold({ firstMs: 1_000, longestMs: 60_000, healthyMs: 60_000 });
  const waits: number[] = [];
  let now = 0;
  for (let n = 0; n < 9; n++) {
    hold.up(now);
    now += 1_000;
    hold.fail(now);
    waits.push(hold.until - now);
    assert.equal(hold.holds(hold.until - 1), true);
    assert.equal(hold.holds(hold.until), false);
    now = hold.until;
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  hold.up(now);
  hold.up(now + 30_000);
  hold.fail(now + 60_000);
  assert.equal(hold.until, now + 61_000);
  hold.reset();
  assert.equal(hold.holds(now), false);
});
