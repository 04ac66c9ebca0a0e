import assert from "node:assert/strict";
import { Nomination } from "./nomination.ts";
import { newPair, type Pair, type PairState } from "./pair.ts";
import { NOMINATION_WAITS } from "./timing.ts";

const base = { at: { address: "10.0.0.2", port: 51820 }, priority: 1_000, preference: 1 };

function pair(priority: number, state: PairState): Pair {
  const made = newPair(base, { type: "host", at: { address: "192.0.2.1", port: priority }, priority });
  made.state = state;
  return made;
}

Deno.test("Nomination takes the only hope at once, and gives a better one a moment", () => {
  const nomination = new Nomination(30);
  const good = pair(10, "succeeded");
  nomination.consider([good, pair(5, "inProgress")], null, 0);
  assert.equal(nomination.step(null, 0)?.pair, good);

  const patient = new Nomination(30);
  const pairs = [good, pair(20, "inProgress")];
  patient.consider(pairs, null, 0);
  assert.equal(patient.step(null, 0), null);
  assert.equal(patient.nextDeadline(), 30);
  patient.consider(pairs, null, 30);
  assert.equal(patient.step(null, 30)?.pair, good);
});

Deno.test("Nomination changes its mind for a better pair, with a higher counter, and never for a worse one", () => {
  const nomination = new Nomination(30);
  const [good, better] = [pair(10, "succeeded"), pair(20, "succeeded")];
  nomination.consider([good], null, 0);
  assert.equal(nomination.step(null, 0)?.counter, 1);
  nomination.consider([good, better], null, 10);
  const step = nomination.step(null, 10);
  assert.deepEqual([step?.pair, step?.counter], [better, 2]);
  assert.equal(nomination.confirmed(1), false);
  assert.equal(nomination.confirmed(2), true);
  nomination.consider([good, better], better, 20);
  assert.equal(nomination.running, false);
});

Deno.test("Nomination gives a pair up that never answers, and calls the peer back to the one in use", () => {
  const nomination = new Nomination(30);
  const [inUse, better] = [pair(10, "succeeded"), pair(20, "succeeded")];
  nomination.consider([inUse, better], inUse, 0);
  let sends = 0;
  for (let now = 0; better.state === "succeeded"; now = nomination.nextDeadline()!) {
    if (nomination.step(inUse, now)) sends++;
  }
  assert.equal(sends, NOMINATION_WAITS.length);
  assert.equal(better.state, "failed");
  const again = nomination.step(inUse, nomination.nextDeadline()!);
  assert.deepEqual([again?.pair, again?.counter], [inUse, 2]);
});
