import assert from "node:assert/strict";
import type { MeetWord } from "../core/gates/mod.ts";
import type { GateClient } from "./gate_client.ts";
import type { GateKeeper } from "./gate_keeper.ts";
import { GatePairs } from "./gate_pairs.ts";

const INITIATION = Uint8Array.of(1, 0, 0, 0);

/** The look that was asked for has been taken. */
function looked(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

/** Pairs at gates that say who is there; nothing else of the sessions is needed here. */
class Scene {
  now = 1_000_000;
  readonly keepers = new Map<string, GateKeeper>();
  readonly met: string[] = [];
  readonly told: [string, MeetWord][] = [];
  needs: string[] = [];
  readonly bad = new Set<string>();
  readonly homes = new Map<string, string[]>();
  readonly pairs: GatePairs;

  constructor(gates: Record<string, { rtt: number; present: string[] }>) {
    for (const [id, { present }] of Object.entries(gates)) {
      const keeper = { id, client: {} as GateClient, present: new Set(present), lanes: new Set<string>() };
      this.keepers.set(id, keeper as unknown as GateKeeper);
    }
    this.pairs = new GatePairs({
      selfId: "a",
      keepers: this.keepers,
      now: () => this.now,
      rttOf: (id) => gates[id]?.rtt ?? null,
      isGood: (id) => !this.bad.has(id),
      isHeld: () => false,
      homesOf: (node) => this.homes.get(node) ?? [],
      met: (node) => this.met.push(node),
      tell: (node, word) => this.told.push([node, word]),
      needs: (list) => this.needs = list,
    });
  }

  at(node: string): string | undefined {
    return this.pairs.keeperOf(node)?.id;
  }
}

Deno.test("GatePairs meets each peer at the best gate where both are, and tells a busy one", async () => {
  const s = new Scene({ near: { rtt: 5, present: ["b"] }, far: { rtt: 50, present: ["b", "c"] } });
  s.pairs.watch(["b", "c", "d"]);
  await looked();
  assert.deepEqual([s.at("b"), s.at("c"), s.at("d")], ["near", "far", undefined]);
  assert.equal(s.told.length, 0, "nobody has anything to send");
  s.pairs.demand("b");
  s.pairs.demand("c");
  assert.deepEqual(s.told.map(([node, { gate }]) => [node, gate]), [["b", "near"]], "c has no choice");
  s.pairs.heard("b", { gate: null, rtts: [{ gate: "near", rttMs: 400 }, { gate: "far", rttMs: 1 }] });
  assert.equal(s.at("b"), "far");
});

Deno.test("GatePairs needs the gates of those whom somebody wants to reach first, then of all others", async () => {
  const s = new Scene({ here: { rtt: 5, present: ["b"] } });
  s.homes.set("c", ["c1", "c2"]).set("d", ["d1"]);
  s.pairs.watch(["b", "c", "d"]);
  s.pairs.demand("d");
  s.pairs.demand("b");
  await looked();
  assert.deepEqual(s.needs, ["here", "d1", "c1"]);
});

Deno.test("GatePairs leaves a gate that says a peer is there when nothing ever comes back", async () => {
  const s = new Scene({ liar: { rtt: 1, present: ["b"] }, honest: { rtt: 80, present: ["b"] } });
  s.pairs.watch(["b"]);
  await looked();
  for (let i = 0; i < 2; i++) assert.equal(s.pairs.carry("b", INITIATION)?.id, "liar");
  s.pairs.answered("b");
  for (let i = 0; i < 2; i++) assert.equal(s.pairs.carry("b", INITIATION)?.id, "liar", "an answer forgives");
  assert.equal(s.pairs.carry("b", INITIATION)?.id, "honest");
  assert.equal(s.at("b"), "honest");
});

Deno.test("GatePairs moves all pairs off a gate that is drained, and none to where the peer is not", async () => {
  const s = new Scene({ old: { rtt: 1, present: ["b", "c"] }, other: { rtt: 80, present: ["b"] } });
  s.pairs.watch(["b", "c"]);
  await looked();
  s.bad.add("old");
  s.pairs.changed();
  await looked();
  assert.deepEqual([s.at("b"), s.at("c")], ["other", "old"]);
  assert.deepEqual(s.met.filter((node) => node === "b").length, 2);
});

Deno.test("GatePairs: a peer has left when the last gate that saw it says so, not when a session ends or a gate never saw it", async () => {
  const s = new Scene({ g1: { rtt: 1, present: [] }, g2: { rtt: 80, present: [] } });
  const [g1, g2] = [...s.keepers.values()] as [GateKeeper, GateKeeper];
  s.pairs.watch(["b"]);
  await looked();
  const left = (gate: GateKeeper, up: boolean) => {
    s.pairs.seen(gate, "b", up);
    return s.pairs.hasLeft("b");
  };
  assert.equal(left(g1, true), false);
  g1.present.clear(); // the session has ended
  s.pairs.changed("b");
  assert.deepEqual([s.at("b"), s.pairs.hasLeft("b")], [undefined, false]);
  assert.equal(left(g1, false), false, "the gate, started anew, has not seen it yet");
  assert.equal(left(g2, false), false);
  assert.deepEqual([left(g1, true), left(g2, true), left(g1, false), s.at("b")], [false, false, false, "g2"]);
  assert.deepEqual([left(g2, false), s.at("b")], [true, undefined]);
  assert.equal(left(g1, false), true);
  assert.equal(left(g2, true), false);
});
