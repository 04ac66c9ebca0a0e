import assert from "node:assert/strict";
import { boxer } from "../../mesh/trust/testdata/network.ts";
import type { Signal, SignalBody } from "../../mesh/wire/signal.ts";
import { Signals } from "./signals.ts";

const NET = "a".repeat(32);
const HEAD = { seq: 3, hash: "A".repeat(43) };

interface End {
  signals: Signals;
  got: SignalBody[];
  /** How long each of `got` was kept. */
  kept: number[];
  dropped: string[];
  boxes: { to: string; box: string; kind: string }[];
}

async function end(id: string, peers: Record<string, string>, now: () => number): Promise<End> {
  const key = await boxer(id);
  const e: Omit<End, "signals"> = { got: [], kept: [], dropped: [], boxes: [] };
  const signals = new Signals({
    net: NET,
    self: { id, key },
    sealKeyOf: (other) => peers[other],
    head: () => HEAD,
    deliver: (to, box, kind) => e.boxes.push({ to, box, kind }),
    received: (_from: string, signal: Signal, kept: number) => {
      e.got.push(signal.body);
      e.kept.push(kept);
    },
    dropped: (_from, why) => e.dropped.push(why),
    now,
  });
  return { ...e, signals };
}

async function pair(now: () => number = () => 1_000_000): Promise<[End, End]> {
  const keys = { alice: (await boxer("alice")).public, bob: (await boxer("bob")).public };
  return [await end("alice", { bob: keys.bob }, now), await end("bob", { alice: keys.alice }, now)];
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !done(); i++) await new Promise((r) => setTimeout(r, 1));
  assert.ok(done());
}

Deno.test("Signals arrive once and in order", async () => {
  const [alice, bob] = await pair();
  for (let n = 0; n < 10; n++) alice.signals.send("bob", { t: "echo", n });
  await until(() => alice.boxes.length === 10);
  for (const { box } of alice.boxes) bob.signals.receive("alice", box);
  await until(() => bob.got.length === 10);
  assert.deepEqual(bob.got, Array.from({ length: 10 }, (_, n) => ({ t: "echo", n })));
});

Deno.test("Signals says what a box holds, and how long it lay in the mailbox", async () => {
  const [alice, bob] = await pair();
  alice.signals.send("bob", { t: "wireguard", packet: "AA" });
  alice.signals.send("bob", { t: "echo", n: 1 });
  await until(() => alice.boxes.length === 2);
  assert.deepEqual(alice.boxes.map(({ kind }) => kind), ["wireguard", "echo"]);
  bob.signals.receive("alice", alice.boxes[0]!.box, 1_234);
  bob.signals.receive("alice", alice.boxes[1]!.box);
  await until(() => bob.got.length === 2);
  assert.deepEqual(bob.kept, [1_234, 0], "a gate keeps nothing");
});

Deno.test("Signals that are replayed are dropped, those that were overtaken are not", async () => {
  const [alice, bob] = await pair();
  alice.signals.send("bob", { t: "echo", n: 1 });
  alice.signals.send("bob", { t: "echo", n: 2 });
  await until(() => alice.boxes.length === 2);
  for (const i of [1, 1, 0, 0]) bob.signals.receive("alice", alice.boxes[i]!.box);
  await until(() => bob.dropped.length === 2 && bob.got.length === 2);
  assert.deepEqual(bob.got, [{ t: "echo", n: 2 }, { t: "echo", n: 1 }]);
  assert.match(bob.dropped[0]!, /replayed/);
});

Deno.test("Signals that a carrier attributes to somebody else, or that are stale, are dropped", async () => {
  let now = 1_000_000;
  const [alice, bob] = await pair(() => now);
  alice.signals.send("bob", { t: "echo", n: 1 });
  await until(() => alice.boxes.length === 1);
  const { box } = alice.boxes[0]!;
  bob.signals.receive("mallory", box);
  alice.signals.receive("bob", box);
  await until(() => bob.dropped.length === 1 && alice.dropped.length === 1);
  now += 301_000;
  bob.signals.receive("alice", box);
  await until(() => bob.dropped.length === 2);
  assert.match(bob.dropped[1]!, /old/);
  assert.deepEqual([...bob.got, ...alice.got], []);
});

Deno.test("Signals are heard again as soon as a clock that was hours ahead is right, and before that by nobody", async () => {
  const right = 100_000_000;
  let now = right + 7_200_000;
  const keys = { alice: (await boxer("alice")).public, bob: (await boxer("bob")).public };
  const [alice, bob] = [
    await end("alice", { bob: keys.bob }, () => now),
    await end("bob", { alice: keys.alice }, () => right),
  ];
  for (const [n, ahead] of [[1, 7_200_000], [2, 0], [3, 0], [4, 200_000], [5, 0]] as const) {
    now = right + ahead;
    alice.signals.send("bob", { t: "echo", n });
    await until(() => alice.boxes.length === n);
  }
  for (const { box } of alice.boxes) bob.signals.receive("alice", box);
  await until(() => bob.got.length + bob.dropped.length === 5);
  assert.deepEqual(bob.got.map((body) => body.t === "echo" && body.n), [2, 3, 4, 5]);
  assert.match(bob.dropped[0]!, /clock that is ahead/);
});

Deno.test("Signals bounds what one peer can make it do at once", async () => {
  const [alice, bob] = await pair();
  alice.signals.send("bob", { t: "echo", n: 1 });
  await until(() => alice.boxes.length === 1);
  for (let i = 0; i < 200; i++) bob.signals.receive("alice", alice.boxes[0]!.box);
  await until(() => bob.got.length === 1 && bob.dropped.length === 199);
  assert.ok(bob.dropped.filter((why) => /too many/.test(why)).length >= 100);
});

Deno.test("Signals keeps nothing for senders that it does not know", async () => {
  const [, bob] = await pair();
  for (let i = 0; i < 100; i++) bob.signals.receive(`stranger${i}`, "box");
  // At once: no queue was made for any of them.
  assert.deepEqual(bob.dropped, Array(100).fill("no record of this node"));
});

Deno.test("Signals remembers who is gone for as long as its messages could be replayed", async () => {
  let now = 1_000_000;
  const [alice, bob] = await pair(() => now);
  alice.signals.send("bob", { t: "echo", n: 1 });
  await until(() => alice.boxes.length === 1);
  const { box } = alice.boxes[0]!;
  bob.signals.receive("alice", box);
  await until(() => bob.got.length === 1);
  bob.signals.drop("alice");
  bob.signals.receive("alice", box);
  await until(() => bob.dropped.length === 1);
  assert.match(bob.dropped[0]!, /replayed/);
  now += 300_001;
  bob.signals.drop("alice");
  assert.equal(bob.signals.remembered, 0);
  bob.signals.receive("alice", box);
  await until(() => bob.dropped.length === 2);
  assert.match(bob.dropped[1]!, /old/);
});
