/** Lanes of a pair that meets at one gate and then at another. */
import assert from "node:assert/strict";
import { type LaneHost, MovingLane } from "./lane_moves.ts";
import type { Carrier, CarrierHost } from "./transport.ts";

/** A pair between gates; its lanes come up when they are told to. */
class Pair {
  now = 1_000_000;
  gate = "g1";
  /** What the gates hear, and which gate the rung is up at. */
  readonly said: string[] = [];
  readonly up: (string | null)[] = [];
  readonly opened: LaneHost[] = [];
  readonly lane: MovingLane;

  constructor() {
    const host = {
      selfId: "a",
      peerId: "b",
      gates: {
        towards: () => ({ gateId: this.gate }),
        at: (gate: string) => ({ gateId: gate }),
        addressesOf: () => [],
        nameOf: (gate: string) => gate,
        send: (gate: string, { want }: { want: boolean }) => this.said.push(`${gate} ${want}`),
        laneAt: (_: string, gate: string | null) => this.up.push(gate),
      },
      up: () => {},
      down: () => this.up.push(null),
      rearm: () => {},
      now: () => this.now,
    } as unknown as CarrierHost;
    this.lane = new MovingLane(host, (one) => this.#open(one));
  }

  #open(host: LaneHost): Carrier {
    this.opened.push(host);
    const gate = host.gates.towards("b")!.gateId;
    const ask = (want: boolean) => void host.gates.send(gate, { t: "lane", node: "b", want });
    return { reachChanged: () => ask(true), close: () => ask(false) };
  }

  /** The pair meets there from now on, and its lane there works. */
  meet(gate: string): void {
    this.gate = gate;
    const before = this.opened.length;
    this.lane.reachChanged();
    if (this.opened.length > before) this.opened.at(-1)!.up({ endpoint: gate, rttMs: 1 });
  }

  pass(ms: number): void {
    this.now += ms;
    this.lane.tick();
  }
}

Deno.test("MovingLane gives a lane that was left back once it has drained", () => {
  const pair = new Pair();
  pair.meet("g1");
  pair.meet("g2");
  pair.pass(2_999);
  assert.ok(!pair.said.includes("g1 false"));
  pair.pass(1);
  assert.ok(pair.said.includes("g1 false"));
  assert.deepEqual(pair.up, ["g1", "g2"]);
});

Deno.test("MovingLane that comes back before that does not give the new lane back in place of the old one", () => {
  const pair = new Pair();
  for (const gate of ["g1", "g2", "g1"]) pair.meet(gate);
  pair.pass(10_000);
  assert.deepEqual(pair.up, ["g1", "g2", "g1"]);
  assert.ok(pair.said.includes("g2 false"));
  assert.ok(!pair.said.includes("g1 false"));
  pair.lane.close();
  assert.ok(pair.said.includes("g1 false"));
});
