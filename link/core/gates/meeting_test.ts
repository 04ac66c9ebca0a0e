import assert from "node:assert/strict";
import { seeded } from "../../../mesh/wire/stun/testdata/crypto.ts";
import { chooseGate, type GateOption, Meeting } from "./meeting.ts";

const option = (gate: string, mine: number | null, good = true, held = false): GateOption => ({
  gate,
  mine,
  good,
  held,
});
const told = (rtts: Record<string, number>) => new Map(Object.entries(rtts));

Deno.test("chooseGate() takes the least sum, then the smaller id; what is drained only without another", () => {
  const options = [option("a", 5), option("b", 40), option("c", 20)];
  assert.equal(chooseGate(options, told({}), null), "a");
  assert.equal(chooseGate(options, told({ a: 100, b: 5, c: 10 }), null), "c");
  assert.equal(chooseGate([option("b", 10), option("a", 10)], told({}), null), "a");
  assert.equal(chooseGate([option("a", 5, false), option("b", 90)], told({}), "a"), "b");
  assert.equal(chooseGate([option("a", 5, false), option("b", 9, false)], told({}), null), "a");
  assert.equal(chooseGate([], told({ a: 1 }), "a"), null);
});

Deno.test("chooseGate() takes what has failed lately only without another that works, and before what does not work", () => {
  assert.equal(chooseGate([option("a", 5, true, true), option("b", 90)], told({}), "a"), "b");
  assert.equal(chooseGate([option("a", 5, true, true), option("b", 90, true, true)], told({}), null), "a");
  assert.equal(chooseGate([option("a", 5, false), option("b", 90, true, true)], told({}), "a"), "b");
  assert.equal(chooseGate([option("a", 5, false), option("b", 90, false, true)], told({}), "b"), "a");
});

Deno.test("chooseGate() stays where it is unless another one is much nearer", () => {
  assert.equal(chooseGate([option("a", 20), option("b", 17)], told({}), "a"), "a");
  assert.equal(chooseGate([option("a", 20), option("b", 14)], told({}), "a"), "b");
  assert.equal(chooseGate([option("a", 100), option("b", 85)], told({}), "a"), "a");
});

/** Two ends that see the same gates from other places, with words that arrive late. */
function agree(seed: number): { a: string | null; b: string | null; said: number } {
  const random = seeded(seed);
  const a = new Meeting({ leads: true });
  const b = new Meeting({ leads: false });
  const gates = Array.from({ length: 2 + Math.floor(random() * 6) }, (_, i) => `g${i}`);
  const base = new Map(gates.map((g) => [g, [random() * 200, random() * 200] as const]));
  let now = 0;
  let said = 0;
  for (let round = 0; round < 60; round++) {
    now += 500;
    for (const [i, [end, other]] of [[a, b] as const, [b, a] as const].entries()) {
      const options = gates.map((g) => option(g, base.get(g)![i]! * (1 + random() * 0.05)));
      end.choose(options, now);
      const word = end.tell(options, now);
      if (!word) continue;
      said++;
      other.heard(word);
      other.choose(gates.map((g) => option(g, base.get(g)![1 - i]!)), now);
    }
  }
  return { a: a.current, b: b.current, said };
}

Deno.test("Meeting: both ends choose the same gate, and fall silent (2,000 pairs)", () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const { a, b, said } = agree(seed);
    assert.equal(a, b, `seed ${seed}`);
    assert.ok(said <= 30, `seed ${seed}: ${said} messages`);
  }
});

Deno.test("Meeting: the follower goes with the leader, but not to a gate that it has lost", () => {
  const b = new Meeting({ leads: false });
  const options = [option("a", 5), option("b", 50)];
  assert.equal(b.choose(options, 0), "a");
  b.heard({ gate: "b", rtts: [] });
  assert.equal(b.choose(options, 0), "b");
  assert.equal(b.choose([option("a", 5), option("b", 50, false)], 0), "a");
  assert.equal(b.choose([option("a", 5)], 0), "a");
  assert.equal(b.choose([option("a", 5), option("b", 50, true, true)], 0), "a", "it has failed here");
  assert.equal(b.choose([option("a", 5, true, true), option("b", 50, true, true)], 0), "b");
  assert.equal(b.choose([option("a", 5, true, true), option("b", 50, false)], 0), "a");
  b.heard({ gate: "nowhere", rtts: [] });
  assert.equal(b.choose(options, 0), "a");
});

Deno.test("Meeting: an end that lies about its distances moves its own pairs only between gates where both are", () => {
  const a = new Meeting({ leads: true });
  const options = [option("a", 5), option("b", 50)];
  a.heard({ gate: "evil", rtts: [{ gate: "evil", rttMs: 0 }, { gate: "b", rttMs: 0 }, { gate: "a", rttMs: 60_000 }] });
  assert.equal(a.choose(options, 0), "b");
  const many = Array.from({ length: 100 }, (_, i) => ({ gate: `x${i}`, rttMs: 0 }));
  a.heard({ gate: null, rtts: many }); // gates that are no option say nothing
  assert.equal(a.choose(options, 0), "a");
});

Deno.test("Meeting: a gate over which nothing comes back is avoided for a while, and longer the next time", () => {
  const a = new Meeting({ leads: true });
  const options = [option("a", 5), option("b", 50)];
  assert.equal(a.choose(options, 0), "a");
  a.doubt("a", 0);
  assert.equal(a.choose(options, 1), "b");
  assert.equal(a.choose([option("a", 5)], 1), "a", "better than nothing");
  assert.equal(a.choose(options, 40_000), "a");
  a.doubt("a", 40_000);
  assert.equal(a.choose(options, 75_000), "b");
});
