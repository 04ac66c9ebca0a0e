import assert from "node:assert/strict";
import { Liveness } from "./liveness.ts";

/**
 * Lets time pass; the gate answers each question after `rtt` ms, or never, and one that answers never counts as silent. Gives how
 * often it was asked.
 */
function run(live: Liveness, o: { from: number; to: number; rtt: number | null; late?: number }): number {
  let asked = 0;
  const answers: number[] = [];
  for (let now = o.from; now <= o.to; now += 10) {
    while (answers.length > 0 && answers[0]! <= now) {
      answers.shift();
      live.heard(now);
    }
    const due = live.nextDeadline();
    if (due === null || due + (o.late ?? 0) > now || !live.tick(now)) continue;
    asked++;
    if (o.rtt !== null) assert.ok(!live.silent, `silent at ${now} ms`);
    if (o.rtt !== null) answers.push(now + o.rtt);
  }
  return asked;
}

Deno.test("Liveness asks nothing while nobody wants anything", () => {
  const live = new Liveness(0);
  assert.equal(run(live, { from: 0, to: 60_000, rtt: null }), 0);
  assert.ok(!live.silent);
});

Deno.test("Liveness finds a dead gate within 2.5 s of the wish, and forgives it with its next word", () => {
  const live = new Liveness(0);
  live.want(true, 10_000);
  run(live, { from: 10_000, to: 11_000, rtt: null });
  live.heard(0); // as it was known before
  run(live, { from: 11_010, to: 12_500, rtt: null });
  assert.ok(live.silent);
  live.heard(12_600);
  assert.ok(!live.silent);
});

Deno.test("Liveness believes who accuses a gate that leaves questions unanswered, and nobody who accuses one that answers", () => {
  const live = new Liveness(0);
  live.want(true, 0);
  run(live, { from: 0, to: 5_000, rtt: 100 });
  live.accuse();
  assert.ok(!live.silent && !live.doubted);
  run(live, { from: 5_010, to: 5_500, rtt: null });
  assert.ok(live.doubted);
  live.accuse();
  assert.ok(!live.silent, "one unanswered question is chance");
  run(live, { from: 5_510, to: 5_900, rtt: null });
  live.accuse();
  assert.ok(live.silent);
  live.heard(6_200);
  assert.ok(!live.silent && !live.doubted);
});

Deno.test("Liveness finds a session stale that has not answered since it is wanted, in the time that its distance allows", () => {
  const live = new Liveness(0);
  assert.ok(!live.stale(0));
  live.want(true, 9_000);
  run(live, { from: 9_000, to: 9_590, rtt: null });
  assert.ok(!live.stale(0), "a radio that wakes up may take that long");
  run(live, { from: 9_600, to: 9_600, rtt: null });
  assert.ok(live.stale(0) && live.stale(300) && !live.silent);
  assert.ok(!live.stale(350), "its answer may be under way");
  assert.ok(!live.stale(null), "nobody knows how long an answer takes");
  run(live, { from: 9_610, to: 9_900, rtt: null });
  assert.ok(live.stale(350));
  live.heard(9_950);
  assert.ok(!live.stale(0), "it has answered");
  run(live, { from: 9_960, to: 11_100, rtt: null });
  assert.ok(live.doubted && !live.stale(0), "who has answered is waited for as long as any other");
});

Deno.test("Liveness takes a slow gate for alive: 1.2 s for each answer, for a minute", () => {
  const live = new Liveness(0);
  live.want(true, 0);
  assert.ok(run(live, { from: 0, to: 60_000, rtt: 1_200 }) > 40);
});

Deno.test("Liveness learns nothing about the gate from looks that come late", () => {
  const live = new Liveness(0);
  live.want(true, 0);
  run(live, { from: 0, to: 30_000, rtt: null, late: 300 });
  assert.ok(!live.silent);
});
