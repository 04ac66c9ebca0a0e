import assert from "node:assert/strict";
import { Homing, type HomingAction, type HomingEvent, MAX_SESSIONS } from "./homing.ts";
import { Meeting } from "./meeting.ts";

/** Drives a machine by hand; sessions come up as soon as they are wanted, unless the gate is dead. */
class Hand {
  readonly homing: Homing;
  now = 1_000_000;
  kept: string[] = [];
  measured: string[] = [];
  homes: (string | null)[] = [];
  readonly rtts = new Map<string, number>();
  readonly dead = new Set<string>();
  readonly up = new Set<string>();

  constructor(saved: string | null = null) {
    this.homing = new Homing({ saved });
  }

  gates(rtts: Record<string, number>, draining: string[] = []): void {
    for (const [id, rtt] of Object.entries(rtts)) this.rtts.set(id, rtt);
    this.say({ kind: "gates", gates: Object.keys(rtts).map((id) => ({ id, draining: draining.includes(id) })) });
  }

  say(event: HomingEvent): void {
    this.#do(this.homing.handle(event, this.now));
  }

  #do(actions: HomingAction[]): void {
    for (const action of actions) {
      if (action.kind === "keep") this.kept = action.gates;
      else if (action.kind === "home") this.homes.push(action.home);
      else if (action.kind === "measure") this.measured.push(...action.gates);
    }
    const distance = (id: string) => this.rtts.get(id) ?? Infinity;
    for (const id of this.measured.splice(0).toSorted((a, b) => distance(a) - distance(b))) { // as answers come
      this.say({ kind: "measured", gate: id, rttMs: this.dead.has(id) ? null : this.rtts.get(id) ?? null });
    }
    for (const id of [...this.up]) if (!this.kept.includes(id)) this.down(id, false);
    for (const id of this.kept) {
      if (this.up.has(id) || this.dead.has(id)) continue;
      this.up.add(id);
      this.say({ kind: "up", gate: id });
    }
  }

  down(id: string, failed = true): void {
    this.up.delete(id);
    this.say({ kind: "down", gate: id, failed });
  }

  kill(id: string): void {
    this.dead.add(id);
    this.down(id);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (let next; (next = this.homing.nextDeadline()) !== null && next <= end;) {
      this.now = Math.max(next, this.now + 1);
      this.say({ kind: "tick" });
    }
    this.now = end;
    this.say({ kind: "tick" });
  }
}

Deno.test("Homing homes on the nearest gate and keeps two sessions of fifty", () => {
  const hand = new Hand();
  hand.gates(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`g${i}`, 10 + ((i * 37) % 50)])));
  assert.equal(hand.homing.home, "g0");
  assert.equal(hand.kept.length, 2);
  hand.say({ kind: "needed", gates: Array.from({ length: 30 }, (_, i) => `g${i + 10}`) });
  assert.equal(hand.kept.length, MAX_SESSIONS);
  assert.equal(hand.homing.home, "g0");
  hand.say({ kind: "needed", gates: [] });
  hand.pass(61_000);
  assert.equal(hand.kept.length, 2);
});

Deno.test("Homing dials the saved home before anything is measured, and keeps it while none is much nearer", () => {
  const hand = new Hand("b");
  hand.gates({ a: 20, b: 24, c: 60 });
  assert.equal(hand.homing.home, "b");
  hand.pass(600_000);
  assert.equal(hand.homing.home, "b");
  assert.equal(hand.homing.why(), "none is much nearer");
});

Deno.test("Homing moves to a much nearer gate after it was that for a while, once", () => {
  const hand = new Hand();
  hand.gates({ a: 80 });
  assert.equal(hand.homing.why(), "the only gate");
  hand.gates({ a: 80, b: 10 });
  hand.pass(5_000);
  assert.equal(hand.homing.home, "a");
  hand.pass(60_000);
  assert.equal(hand.homing.home, "b");
  assert.deepEqual(hand.homes.filter((home, i) => home !== hand.homes[i - 1]), [null, "a", "b"]);
});

Deno.test("Homing goes to the standby in the moment in which the home dies or goes silent", () => {
  for (const how of ["down", "silent"] as const) {
    const hand = new Hand();
    hand.gates({ a: 10, b: 20, c: 30 });
    assert.equal(hand.homing.standby, "b");
    if (how === "down") hand.kill("a");
    else hand.say({ kind: "silent", gate: "a", silent: true });
    assert.equal(hand.homing.home, "b");
    assert.equal(hand.homing.standby, "c", "and has another one behind it");
    assert.equal(hand.homing.why(), "nearer ones do not answer");
    hand.dead.clear();
    if (how === "down") hand.say({ kind: "up", gate: "a" });
    else hand.say({ kind: "silent", gate: "a", silent: false });
    assert.equal(hand.homing.home, "b", "it does not run back at once");
  }
});

Deno.test("Homing leaves drained and leaving gates when another one is up, and stays when there is none", () => {
  for (const how of ["drain", "leave"] as const) {
    const hand = new Hand();
    hand.gates({ a: 10, b: 90 });
    if (how === "drain") hand.gates({ a: 10, b: 90 }, ["a"]);
    else hand.say({ kind: "leaving", gate: "a" });
    assert.equal(hand.homing.home, "b");
    assert.ok(hand.kept.includes("a"), "pairs may still need it for a moment");
    hand.pass(9_000);
    assert.equal(hand.homing.home, "b");
    if (how === "drain") {
      assert.deepEqual(hand.kept, ["b"]);
      assert.equal(hand.homing.why(), "nearer ones are being emptied");
    }
    const alone = new Hand();
    alone.gates({ a: 10 });
    if (how === "drain") alone.gates({ a: 10 }, ["a"]);
    else alone.say({ kind: "leaving", gate: "a" });
    alone.pass(100_000);
    assert.equal(alone.homing.home, "a");
    assert.deepEqual(alone.kept, ["a"]);
  }
});

Deno.test("Homing goes on trying the second of two gates, however often it fails", () => {
  const hand = new Hand();
  hand.gates({ a: 10, b: 20 });
  for (let i = 0; i < 100; i++) {
    hand.say({ kind: "down", gate: "b", failed: true });
    hand.pass(5_000);
    assert.ok(hand.kept.includes("b"));
  }
});

Deno.test("Homing tells no new standby for a jitter between two that are as near", () => {
  const hand = new Hand();
  hand.gates({ a: 10, b: 20, c: 21 });
  hand.say({ kind: "needed", gates: ["c"] });
  const told = hand.homes.length;
  for (let i = 0; i < 200; i++) {
    hand.now += 1_000;
    hand.say({ kind: "measured", gate: "b", rttMs: 20 + (i % 7) });
    hand.say({ kind: "measured", gate: "c", rttMs: 20 + (i % 5) });
  }
  assert.equal(hand.homes.length, told);
});

Deno.test("Homing keeps a drained gate while pairs use it", () => {
  const hand = new Hand();
  hand.gates({ a: 10, b: 90 });
  hand.say({ kind: "needed", gates: ["a"] });
  hand.gates({ a: 10, b: 90 }, ["a"]);
  hand.pass(60_000);
  assert.ok(hand.kept.includes("a"));
  hand.say({ kind: "needed", gates: [] });
  hand.pass(9_000);
  assert.deepEqual(hand.kept, ["b"]);
});

Deno.test("Homing finds the gate that can be reached among those that cannot", () => {
  const hand = new Hand();
  for (const id of ["a", "b", "c", "d", "e"]) hand.dead.add(id);
  hand.gates({ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 });
  for (let i = 0; i < 40 && hand.homing.home === null; i++) {
    for (const id of hand.kept) if (hand.dead.has(id)) hand.down(id);
    hand.pass(1_000);
  }
  assert.equal(hand.homing.home, "f");
});

Deno.test("Homing asks one or two gates for sessions at once, without waiting for how far they are; of more the nearest", () => {
  const keeps = (ids: string[]) =>
    new Homing({ saved: null }).handle({ kind: "gates", gates: ids.map((id) => ({ id, draining: id === "d" })) }, 0)
      .flatMap((action) => action.kind === "keep" ? [action.gates] : []);
  assert.deepEqual(keeps(["a"]), [["a"]]);
  assert.deepEqual(keeps(["a", "b"]), [["a", "b"]]);
  assert.deepEqual(keeps(["a", "d"]), [["a"]]);
  assert.deepEqual(keeps(["a", "b", "c"]), []);
});

Deno.test("Homing has pairs meet at a gate that comes and goes less and less often, and at a gate that is cured", () => {
  const hand = new Hand();
  hand.gates({ flaps: 5, steady: 60 });
  hand.pass(10_000);
  const meeting = new Meeting({ leads: true });
  const at = () => {
    const options = [...hand.up].map((gate) => ({
      gate,
      mine: hand.rtts.get(gate)!,
      good: hand.homing.isGood(gate),
      held: hand.homing.isHeld(gate),
    }));
    return meeting.choose(options, hand.now);
  };
  assert.equal(at(), "flaps");
  let falls = 0;
  for (let round = 0; round < 60; round++) {
    if (at() === "flaps") falls++;
    hand.kill("flaps");
    assert.equal(at(), "steady");
    hand.pass(5_000);
    assert.equal(at(), "steady");
    hand.dead.delete("flaps");
    hand.say({ kind: "tick" });
    hand.pass(5_000);
  }
  assert.ok(falls <= 7, `${falls} falls in ten minutes`);
  hand.pass(600_000);
  assert.equal(at(), "flaps", "it has long worked");
});
