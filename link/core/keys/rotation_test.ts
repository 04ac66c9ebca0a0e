import assert from "node:assert/strict";
import { ACK_WAIT, RETIRE_AFTER, RetiringKeys, Rotation } from "./rotation.ts";

Deno.test("Rotation switches only when every online peer has seen the next key", () => {
  const r = new Rotation();
  assert.deepEqual(r.handle({ type: "start", wg: "K2", peers: ["a", "b"] }, 0), [{ type: "announce", wg: "K2" }]);
  assert.deepEqual(r.handle({ type: "seen", peer: "a", wg: "K2" }, 1), []);
  assert.deepEqual(
    r.handle({ type: "seen", peer: "b", wg: "K1" }, 2),
    [],
    "an acknowledgement of another key counts for nothing",
  );
  assert.deepEqual(r.handle({ type: "seen", peer: "b", wg: "K2" }, 3), [
    { type: "switch", wg: "K2", acknowledged: 2, peers: 2 },
  ]);
  assert.equal(r.busy, false);
  assert.equal(r.nextDeadline(), null);
});

Deno.test("Rotation does not wait for ever for a silent peer, nor at all for one that left", () => {
  const r = new Rotation();
  r.handle({ type: "start", wg: "K2", peers: ["a", "b", "c"] }, 0);
  r.handle({ type: "gone", peer: "a" }, 1);
  r.handle({ type: "seen", peer: "b", wg: "K2" }, 1);
  assert.equal(r.nextDeadline(), ACK_WAIT);
  assert.deepEqual(r.handle({ type: "tick" }, ACK_WAIT - 1), []);
  assert.deepEqual(r.handle({ type: "tick" }, ACK_WAIT), [{ type: "switch", wg: "K2", acknowledged: 1, peers: 2 }]);
});

Deno.test("Rotation without peers switches at once, and a second start while busy is ignored", () => {
  const r = new Rotation();
  assert.equal(r.handle({ type: "start", wg: "K2", peers: [] }, 0).length, 2);
  r.handle({ type: "start", wg: "K3", peers: ["a"] }, 0);
  assert.deepEqual(r.handle({ type: "start", wg: "K4", peers: [] }, 0), []);
});

Deno.test("RetiringKeys keeps a replaced key for a moment and then lets it go", () => {
  const k = new RetiringKeys();
  k.use("a", "K1", 0);
  assert.deepEqual(k.keys(0), []);
  k.use("a", "K2", 10);
  assert.deepEqual(k.keys(10), ["K1"]);
  assert.equal(k.nextDeadline(), 10 + RETIRE_AFTER);
  assert.deepEqual(k.keys(10 + RETIRE_AFTER), []);
});

Deno.test("RetiringKeys never retires a key that is in use again, and drops all of a removed peer at once", () => {
  const k = new RetiringKeys();
  k.use("a", "K1", 0);
  k.use("a", "K2", 1);
  k.use("a", "K1", 2);
  assert.deepEqual(k.keys(2), ["K2"]);
  k.drop("a");
  assert.deepEqual(k.keys(2), []);
});
