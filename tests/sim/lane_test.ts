/** Two ends of a lane and the gate's core, with loss, delay and a path that is cut: no sockets, no clock. */
import assert from "node:assert/strict";
import type { LaneAddress } from "../../gate/core/lanes/lane.ts";
import { Lanes } from "../../gate/core/lanes/lanes.ts";
import { type LaneAction as EndAction, LaneEnd, type LaneEvent } from "../../link/core/lane/lane_end.ts";
import type { StunCrypto } from "../../mesh/wire/stun/mod.ts";
import { seeded, testCrypto } from "../../mesh/wire/stun/testdata/crypto.ts";
import { isLaneControl } from "../../mesh/wire/lane.ts";
import { fromBase64Url } from "../../mesh/wire/encoding.ts";

const GATE = "203.0.113.20";
/** A session is reliable and keeps its order: ms one way. */
const SESSION = 20;
/** A full packet of WireGuard. */
const SIZE = 1_312;

class World {
  now = 1_700_000_000_000;
  readonly random: () => number;
  loss: number;
  cut = false;
  /** Longer datagrams do not come through. */
  width = 1_472;
  /** End-to-end checks of a, and its answers. */
  checks = 0;
  readonly ends: Record<"a" | "b", { end: LaneEnd; address: string; log: string[] }>;
  lanes: Lanes;
  #path: { address: string; port: number }[] | null = null;
  readonly #crypto: StunCrypto;
  #flights: { at: number; act: () => void }[] = [];

  constructor(seed: number, loss: number) {
    this.random = seeded(seed);
    this.loss = loss;
    const crypto = this.#crypto = testCrypto(this.random);
    const make = (leads: boolean, address: string) => ({
      end: new LaneEnd({ leads, size: SIZE, crypto }),
      address,
      log: [] as string[],
    });
    this.ends = { a: make(true, "198.51.100.1"), b: make(false, "198.51.100.2") };
    this.lanes = this.#gate(crypto);
  }

  /** A gate that has just started. */
  #gate(crypto: StunCrypto): Lanes {
    return new Lanes({
      ports: { first: 40_001, last: 40_009 },
      hmac: crypto.hmacSha256,
      random: crypto.random,
      accept: () => true,
    }, {
      tell: (_net, node, message) => {
        const who = node as "a" | "b";
        if (message.t === "lane") {
          this.later(() =>
            this.tell(who, {
              kind: "granted",
              port: message.port,
              end: message.end,
              token: fromBase64Url(message.token),
            }), SESSION);
        } else if (message.t === "lane-ready") {
          this.later(() => this.tell(who, { kind: "ready", port: message.port, family: message.family }), SESSION);
        } else this.later(() => this.tell(who, { kind: "ended", missed: true }), SESSION);
      },
      isLive: () => true,
      act: (action) => {
        if (action.t === "lane-path") this.#path = action.path.map(({ address, port }) => ({ address, port }));
        else if (action.t === "lane-close") this.#path = null;
        else if (action.t === "lane-answer") this.toEnd(action.to.address, action.bytes, action.port);
      },
      wakeBy: () => {},
    });
  }

  /** The gate ends and starts anew; both ends have a session again after `ms`. */
  restart(ms: number): void {
    this.#path = null;
    this.lanes = this.#gate(this.#crypto);
    for (const who of ["a", "b"] as const) {
      this.tell(who, { kind: "gate", gate: null, fresh: false });
      this.later(() => this.tell(who, { kind: "gate", gate: { id: "g", addresses: [GATE] }, fresh: true }), ms);
    }
  }

  later(act: () => void, ms = 5 + this.random() * 30): void {
    this.#flights.push({ at: this.now + ms, act });
  }

  toEnd(address: string, bytes: Uint8Array, port: number): void {
    if (this.cut || bytes.length > this.width || this.random() < this.loss) return;
    const who = this.ends.a.address === address ? "a" : "b";
    this.later(() => this.tell(who, { kind: "datagram", from: { address: GATE, port }, bytes }));
  }

  tell(who: "a" | "b", event: LaneEvent): void {
    for (const action of this.ends[who].end.handle(event, this.now)) this.#do(who, action);
  }

  #do(who: "a" | "b", action: EndAction): void {
    const [me, other] = [this.ends[who], who === "a" ? "b" as const : "a" as const];
    if (action.kind === "ask") {
      this.later(() => this.lanes.ask({ net: "n", from: who, to: other, want: action.want, now: this.now }), SESSION);
    } else if (action.kind === "offer") this.later(() => this.tell(other, { ...action, kind: "offered" }), 2 * SESSION);
    else if (action.kind === "send") {
      const { to, bytes } = action;
      const from = me.address;
      if (who === "a" && !isLaneControl(bytes)) this.checks++;
      if (this.cut || bytes.length > this.width || this.random() < this.loss) return;
      this.later(() => {
        const source: LaneAddress = { address: from, port: 51820, local: GATE };
        if (isLaneControl(bytes)) return this.lanes.control(bytes, source, this.now);
        const target = this.#path?.find((p) => p.address !== from);
        if (this.#path?.some((p) => p.address === from) && target) this.toEnd(target.address, bytes, to.port);
      });
    } else if (action.kind === "up" || action.kind === "down" || action.kind === "narrow") me.log.push(action.kind);
  }

  begin(): void {
    for (const who of ["a", "b"] as const) {
      this.tell(who, { kind: "gate", gate: { id: "g", addresses: [GATE] }, fresh: true });
      this.later(() => this.tell(who, { kind: "want", on: true }), this.random() * 2_000);
    }
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      const due = this.#flights.filter(({ at }) => at <= this.now);
      this.#flights = this.#flights.filter(({ at }) => at > this.now);
      for (const { act } of due) act();
      if (this.now % 1_000 === 0) {
        this.lanes.tick(this.now);
        this.lanes.used([40_001, 40_002, 40_003], this.now);
      }
      for (const who of ["a", "b"] as const) {
        if ((this.ends[who].end.nextDeadline() ?? Infinity) <= this.now) this.tell(who, { kind: "tick" });
      }
    }
  }
}

for (const [loss, seeds] of [[0.05, 300], [0.2, 2_200]] as const) {
  Deno.test(`LaneEnd comes up at both ends through the gate's core, with ${loss} of all packets lost on each leg`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const w = new World(seed, loss);
      w.begin();
      w.run(12_000);
      assert.deepEqual([w.ends.a.log[0], w.ends.b.log[0]], ["up", "up"], `seed ${seed}`);
    }
  });
}

Deno.test("LaneEnd does not take a tenth of loss on each leg for the lane's death", () => {
  let downs = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const w = new World(seed, 0.1);
    w.begin();
    w.run(132_000);
    downs += w.ends.a.log.length + w.ends.b.log.length - 2;
  }
  assert.equal(downs, 0, "of 200 ends in two minutes each");
});

Deno.test("LaneEnd stays up for minutes, and its roaming end too", () => {
  const w = new World(7, 0);
  w.begin();
  w.run(8_000);
  w.ends.a.address = "198.51.100.77";
  w.tell("a", { kind: "networkChanged" });
  w.run(180_000);
  assert.deepEqual([w.ends.a.log, w.ends.b.log], [["up"], ["up"]]);
  assert.equal(w.lanes.sums.moves, 1);
});

Deno.test("LaneEnd is down at both ends seconds after the path is cut, and comes back with growing waits", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const w = new World(seed, 0);
    w.begin();
    w.run(8_000);
    w.cut = true;
    w.run(9_000);
    assert.deepEqual([w.ends.a.end.up, w.ends.b.end.up], [false, false], `seed ${seed}`);
    w.cut = false;
    w.run(120_000);
    assert.deepEqual([w.ends.a.log, w.ends.b.log], [["up", "down", "up"], ["up", "down", "up"]], `seed ${seed}`);
  }
});

Deno.test("LaneEnd is down in less than three seconds after the path is cut, sooner when its gate does not answer either", () => {
  const after = (doubted: boolean) =>
    Array.from({ length: 100 }, (_, seed) => {
      const w = new World(seed, 0.05);
      w.begin();
      w.run(10_000 + Math.floor(w.random() * 100) * 10);
      const then = w.now;
      w.cut = true;
      w.run(600);
      if (doubted) { for (const who of ["a", "b"] as const) w.tell(who, { kind: "gateDoubted", on: true }); }
      while (w.ends.a.end.up && w.now - then < 10_000) w.run(10);
      return w.now - then;
    }).sort((a, b) => a - b);
  const [alone, both] = [after(false), after(true)];
  assert.ok(alone.at(-1)! <= 3_000, `${alone.at(-1)} ms`);
  assert.ok(both.at(-1)! <= 1_700 && both[50]! <= 1_500, `${both[50]}, ${both.at(-1)} ms`);
});

Deno.test("LaneEnd that is alive outlives its gate's silence", () => {
  for (let seed = 0; seed < 100; seed++) {
    const w = new World(seed, 0.05);
    w.begin();
    w.run(8_000);
    for (let n = 0; n < 30; n++) {
      for (const who of ["a", "b"] as const) w.tell(who, { kind: "gateDoubted", on: n % 2 === 0 });
      w.run(300);
    }
    assert.deepEqual([w.ends.a.log, w.ends.b.log], [["up"], ["up"]], `seed ${seed}`);
  }
});

Deno.test("LaneEnd keeps its lane when a NAT gives another address without a word", () => {
  let kept = 0;
  for (let seed = 0; seed < 100; seed++) {
    const w = new World(seed, 0);
    w.begin();
    w.run(10_000 + seed * 10);
    w.ends.a.address = "198.51.100.77";
    w.run(3_000);
    if (w.ends.a.end.up && w.ends.b.end.up) kept++;
    w.run(30_000);
    assert.deepEqual([w.ends.a.end.up, w.ends.b.end.up], [true, true], `seed ${seed}`);
  }
  assert.ok(kept >= 90, `${kept} of 100`);
});

Deno.test("LaneEnd is asked more seldom while nobody sends", () => {
  const w = new World(5, 0);
  w.begin();
  w.run(8_000);
  const checks = (busy: boolean) => {
    for (const who of ["a", "b"] as const) w.tell(who, { kind: "busy", busy });
    const before = w.checks;
    w.run(60_000);
    return w.checks - before;
  };
  assert.ok(checks(true) > 2 * checks(false));
});

Deno.test("LaneEnd gives the lane back when it is no longer wanted", () => {
  const w = new World(3, 0);
  w.begin();
  w.run(8_000);
  w.tell("a", { kind: "want", on: false });
  w.run(6_000);
  assert.equal(w.lanes.size, 0);
  assert.deepEqual([w.ends.a.end.up, w.ends.b.end.up], [false, false]);
});

for (const [away, ms] of [["at once", 500], ["once its death was noticed", 9_000]] as const) {
  Deno.test(`LaneEnd has another lane a moment after its gate is back, ${away}`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const w = new World(seed, 0);
      w.begin();
      w.run(8_000);
      w.restart(ms);
      w.run(ms + 1_500);
      const log = ["up", "down", "up"];
      assert.deepEqual([w.ends.a.log, w.ends.b.log], [log, log], `seed ${seed}`);
    }
  });
}

Deno.test("LaneEnd asks for nothing after an idle end until it is wanted anew", () => {
  const w = new World(5, 0);
  w.begin();
  w.run(8_000);
  for (const who of ["a", "b"] as const) {
    assert.deepEqual(w.ends[who].end.handle({ kind: "ended", missed: false }, w.now), [{ kind: "down" }]);
  }
});

Deno.test("LaneEnd tries again when the end that leads does, whatever it was waiting for", () => {
  const w = new World(5, 0);
  w.begin();
  w.run(8_000);
  w.tell("b", { kind: "ended", missed: true });
  w.run(6_000);
  assert.deepEqual([w.ends.a.end.up, w.ends.b.end.up], [false, false]);
  w.tell("a", { kind: "networkChanged" });
  w.run(2_000);
  assert.deepEqual([w.ends.a.log, w.ends.b.log], [["up", "down", "up"], ["up", "down", "up"]]);
});

Deno.test("LaneEnd asks for an idle lane again as soon as it is wanted again", () => {
  const w = new World(5, 0);
  w.begin();
  w.run(8_000);
  for (const who of ["a", "b"] as const) {
    w.tell(who, { kind: "ended", missed: false });
    w.tell(who, { kind: "want", on: false });
  }
  w.run(1_000);
  for (const who of ["a", "b"] as const) w.tell(who, { kind: "want", on: true });
  w.run(2_000);
  assert.deepEqual(w.ends.a.log, ["up", "down", "up"]);
  assert.deepEqual(w.ends.b.log, ["up", "down", "up"]);
});

Deno.test("LaneEnd is not up where full packets do not come through, says so, and is up once they do", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const w = new World(seed, 0.05);
    w.width = 1_252; // an uplink of 1,280 bytes
    w.begin();
    w.run(14_000);
    assert.deepEqual([w.ends.a.log, w.ends.b.log], [["narrow"], ["narrow"]], `seed ${seed}`);
    w.width = SIZE;
    w.run(30_000);
    assert.deepEqual([w.ends.a.log.at(-1), w.ends.b.log.at(-1)], ["up", "up"], `seed ${seed}`);
  }
});

Deno.test("LaneEnd is down seconds after an end has roamed to where full packets do not come through", () => {
  const w = new World(11, 0);
  w.begin();
  w.run(8_000);
  w.width = SIZE - 4;
  w.ends.a.address = "198.51.100.77";
  w.tell("a", { kind: "networkChanged" });
  w.run(6_000);
  assert.deepEqual(w.ends.a.log, ["up", "narrow", "down"]);
});
