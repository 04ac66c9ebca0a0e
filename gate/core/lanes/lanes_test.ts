import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { fromBase64Url } from "../../../mesh/wire/encoding.ts";
import type { FromGate } from "../../../mesh/wire/gate_session.ts";
import { decodeLaneAnswer, encodeLaneRequest, LANE_REQUEST_LENGTH, laneTransaction } from "../../../mesh/wire/lane.ts";
import { mayBeEnd } from "./addresses.ts";
import type { LaneAction } from "./event.ts";
import type { LaneAddress } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { LANE_LIMITS, type LaneLimits } from "./limits.ts";

const hmac = (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha256", key).update(data).digest());
const T0 = 1_700_000_000_000;

function source(address: string, port = 51820): LaneAddress {
  return { address, port, local: address.includes(":") ? "2001:db8::20" : "203.0.113.20" };
}

/** A world of live members around the lanes. */
class World {
  now = T0;
  readonly live = new Set(["n/a", "n/b", "n/c", "other/x"]);
  readonly told: [string, FromGate][] = [];
  acts: LaneAction[] = [];
  readonly lanes: Lanes;
  #serial = 0;

  constructor(o: { first?: number; last?: number; limits?: Partial<LaneLimits> } = {}) {
    this.lanes = new Lanes({
      ports: { first: o.first ?? 40_001, last: o.last ?? 40_003 },
      ...(o.limits && { limits: o.limits }),
      hmac,
      random: (n) => new Uint8Array(n).fill(++this.#serial),
      accept: (address) => mayBeEnd(address, { overlay: ["100.64.0.0/10"] }),
    }, {
      tell: (net, node, message) => this.told.push([`${net}/${node}`, message]),
      isLive: (net, node) => this.live.has(`${net}/${node}`),
      act: (action) => this.acts.push(action),
      wakeBy: () => {},
    });
  }

  ask(from: string, to: string, want = true, net = "n"): void {
    this.lanes.ask({ net, from, to, want, now: this.now });
  }

  grant(node: string) {
    const found = this.told.findLast(([n, m]) => n === `n/${node}` && m.t === "lane")?.[1];
    assert.ok(found?.t === "lane");
    return { ...found, key: fromBase64Url(found.token) };
  }

  /** One request; the answer that went out. */
  request(node: string, from: LaneAddress, nonce?: Uint8Array) {
    const { port, end, key } = this.grant(node);
    const transaction = laneTransaction(port, Uint8Array.from([1, 2, 3, 4, 5, 6]));
    this.acts = [];
    const bytes = encodeLaneRequest({ end, transaction, ...(nonce && { nonce }) }, key, hmac);
    this.lanes.control(bytes, from, this.now);
    const answer = this.acts.find((a) => a.t === "lane-answer");
    if (!answer) return null;
    assert.ok(answer.bytes.length <= bytes.length, "an answer longer than its request");
    assert.deepEqual(answer.to, from);
    return decodeLaneAnswer(answer.bytes, key, hmac);
  }

  /** The whole proof. */
  prove(node: string, address: string, port = 51820): Uint8Array {
    const first = this.request(node, source(address, port));
    assert.ok(first?.kind === "nonce");
    assert.equal(this.request(node, source(address, port), first.nonce)?.kind, "proved");
    return first.nonce;
  }

  pair(): void {
    this.ask("a", "b");
    this.ask("b", "a");
  }

  elapse(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 1_000) this.lanes.tick(this.now);
  }

  path() {
    return this.acts.findLast((a) => a.t === "lane-path")?.path.map((p) => `${p.address} ${p.port}`);
  }

  ended(node: string): string | undefined {
    const found = this.told.findLast(([n, m]) => n === `n/${node}` && m.t === "lane-ended")?.[1];
    return found?.t === "lane-ended" ? found.reason : undefined;
  }
}

Deno.test("Lanes.ask() opens nothing until both have asked, and never across networks or to oneself", () => {
  const w = new World();
  w.ask("a", "b");
  w.ask("a", "a");
  w.ask("a", "x");
  w.ask("x", "a", true, "other");
  assert.equal(w.lanes.size, 0);
  w.live.delete("n/a");
  w.ask("b", "a");
  assert.equal(w.lanes.size, 0, "a is gone");
  w.live.add("n/a");
  w.ask("b", "a");
  assert.equal(w.lanes.size, 1);
  assert.notDeepEqual(w.grant("a").token, w.grant("b").token);
});

Deno.test("Lanes forgets an ask that the other side does not share in time", () => {
  const w = new World();
  w.ask("a", "b");
  w.elapse(LANE_LIMITS.askTime + 1_000);
  w.ask("b", "a");
  assert.equal(w.lanes.size, 0);
});

Deno.test("Lanes carries between two proved addresses only after both have returned their nonce", () => {
  const w = new World();
  w.pair();
  w.prove("a", "198.51.100.1");
  assert.equal(w.path(), undefined);
  w.prove("b", "198.51.100.2", 4242);
  assert.deepEqual(w.path(), ["198.51.100.1 51820", "198.51.100.2 4242"]);
});

Deno.test("Lanes answers nobody without the token, and no nonce is good from another address", () => {
  const w = new World();
  w.pair();
  const first = w.request("a", source("198.51.100.1"));
  assert.ok(first?.kind === "nonce");
  assert.equal(w.request("a", source("198.51.100.9"), first.nonce)?.kind, "nonce", "from elsewhere");
  assert.equal(w.request("a", source("198.51.100.1", 1), first.nonce)?.kind, "nonce", "from another port");
  assert.equal(w.request("b", source("198.51.100.1"), first.nonce)?.kind, "nonce", "by the other end");
  const bytes = new Uint8Array(LANE_REQUEST_LENGTH);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(83), (noise, at) => {
      bytes.fill(0);
      bytes.set(encodeLaneRequest({ end: 0, transaction: laneTransaction(40_001, bytes) }, new Uint8Array(32), hmac));
      bytes[at]! ^= 1;
      w.acts = [];
      w.lanes.control(noise, source("198.51.100.1"), w.now);
      w.lanes.control(bytes, source("198.51.100.1"), w.now);
      assert.deepEqual(w.acts, []);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Lanes follows an end that roams, and a replayed proof does not take it back", () => {
  const w = new World();
  w.pair();
  const old = w.prove("a", "198.51.100.1");
  w.prove("b", "198.51.100.2");
  w.prove("a", "198.51.100.7", 9);
  assert.deepEqual(w.path(), ["198.51.100.7 9", "198.51.100.2 51820"]);
  assert.equal(w.request("a", source("198.51.100.1"), old)?.kind, "nonce");
  assert.equal(w.path(), undefined, "nothing changed");
});

Deno.test("Lanes prefers one family, and joins two when the ends share none", () => {
  const w = new World();
  w.pair();
  w.prove("a", "2001:db8::1");
  w.prove("b", "198.51.100.2");
  assert.deepEqual(w.path(), ["2001:db8::1 51820", "198.51.100.2 51820"]);
  w.prove("b", "2001:db8::2");
  assert.deepEqual(w.path(), ["2001:db8::1 51820", "2001:db8::2 51820"]);
});

Deno.test("Lanes never leads to this machine, to cloud metadata or to the overlay", () => {
  const w = new World();
  w.pair();
  for (
    const address of [
      "127.0.0.1",
      "0.0.0.0",
      "0.1.2.3",
      "169.254.169.254",
      "224.0.0.1",
      "255.255.255.255",
      "100.64.0.1",
      "::1",
      "::",
      "fe80::1",
      "ff02::1",
      "::ffff:127.0.0.1",
      "64:ff9b::7f00:1",
      "2002:7f00:1::",
    ]
  ) assert.equal(w.request("a", source(address)), null, address);
});

Deno.test("Lanes ends idle, unproved, left and absent lanes after both were told, and cut ones at once", () => {
  const cases: [string, (w: World) => void, string][] = [
    ["idle", (w) => {
      for (let n = 0; n < 31; n++, w.elapse(10_000)) {
        for (const [e, a] of [["a", 1], ["b", 2]]) w.prove(`${e}`, `198.51.100.${a}`);
      }
    }, "idle"],
    ["unproved", (w) => w.elapse(90_000), "unproved"],
    ["left", (w) => w.ask("a", "b", false), "left"],
    ["away", (w) => (w.live.delete("n/a"), w.elapse(31_000)), "away"],
  ];
  for (const [name, act, reason] of cases) {
    const w = new World();
    w.pair();
    w.prove("a", "198.51.100.1");
    w.prove("b", "198.51.100.2");
    w.acts = [];
    act(w);
    assert.equal(w.ended("b"), reason, name);
    w.elapse(LANE_LIMITS.linger + 2_000);
    assert.equal(w.lanes.size, 0, name);
  }
  const w = new World();
  w.pair();
  w.lanes.cut("n", "a", w.now);
  assert.deepEqual(w.acts.map((a) => a.t).filter((t) => t === "lane-close"), ["lane-close"]);
  assert.equal(w.lanes.size, 0);
});

Deno.test("Lanes keeps a lane that is used", () => {
  const w = new World();
  w.pair();
  for (let n = 0; n < 60; n++, w.elapse(10_000)) {
    w.prove("a", "198.51.100.1");
    w.prove("b", "198.51.100.2");
    w.lanes.used([w.grant("a").port], w.now);
  }
  assert.equal(w.lanes.size, 1);
});

Deno.test("Lanes holds to its quotas of ports and of lanes a node, whatever is asked", () => {
  const nodes = Array.from({ length: 12 }, (_, i) => `m${i}`);
  const node = fc.constantFrom(...nodes);
  fc.assert(
    fc.property(fc.array(fc.tuple(node, node, fc.boolean(), fc.nat(5_000)), { maxLength: 200 }), (steps) => {
      const w = new World({ last: 40_008, limits: { perNode: 3 } });
      for (const n of nodes) w.live.add(`n/${n}`);
      const open = new Set<number>();
      for (const [from, to, want, wait] of steps) {
        w.ask(from, to, want);
        w.elapse(wait);
        for (const a of w.acts.splice(0)) {
          if (a.t === "lane-open") {
            assert.ok(!open.has(a.port), "a port twice");
            open.add(a.port);
          } else if (a.t === "lane-close") assert.ok(open.delete(a.port), "closed twice");
        }
        assert.equal(w.lanes.size, open.size);
        assert.ok(open.size <= 8);
      }
      w.elapse(120_000);
      assert.equal(w.lanes.size, 0, "nothing is left behind");
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("Lanes bounds what one member begins, and lets nobody use that up for another", () => {
  const w = new World({ limits: { perNode: 2, asksPerNode: 2 } });
  for (let n = 0; n < 50; n++) w.ask(`m${n}`, "a");
  w.ask("a", "b");
  w.ask("b", "a");
  assert.equal(w.lanes.size, 1);
  assert.equal(w.ended("a"), undefined);
  for (const to of ["x1", "x2", "x3"]) w.ask("a", to);
  assert.equal(w.ended("a"), undefined, "four of its own");
  w.ask("a", "x4");
  assert.equal(w.ended("a"), "node-quota");
  w.ask("a", "m7");
  assert.equal(
    w.told.filter(([, m]) => m.t === "lane-ended").length,
    1,
    "what another one has begun is none of its own",
  );
});

Deno.test("Lanes holds to the quota of a network, and tells both who wanted one more", () => {
  const w = new World({ last: 40_099, limits: { perNetwork: 2 } });
  for (const n of ["d", "e", "f"]) w.live.add(`n/${n}`);
  for (const [a, b] of [["a", "b"], ["c", "d"], ["e", "f"]] as const) {
    w.ask(a, b);
    w.ask(b, a);
  }
  assert.equal(w.lanes.size, 2);
  assert.deepEqual([w.ended("e"), w.ended("f"), w.ended("a")], ["network-quota", "network-quota", undefined]);
});
