import assert from "node:assert/strict";
import { NATS } from "../../../tests/sim/nats.ts";
import {
  agreed,
  anyWeather,
  behind,
  CALM,
  run,
  same,
  type Scene,
  scene,
  SERVER,
  story,
} from "../../../tests/sim/scene.ts";
import { IcePeer, type Place, runUntil, stunServer } from "../../../tests/sim/ice_peer.ts";
import { World } from "../../../tests/sim/net.ts";
import { seeded, testCrypto } from "../../../mesh/wire/stun/testdata/crypto.ts";

const SEEDS = 30;
const HOME = { a: NATS.eim_apdf, b: NATS.eim_apdf_not_preserving };

/** A scene in which both have met. */
function met(seed: number, o: Parameters<typeof scene>[1] = HOME): Scene {
  const s = scene(seed, o);
  s.a.start(s.b);
  s.b.start(s.a);
  assert.ok(run(s, 10_000, () => agreed(s)), story(seed, s));
  return s;
}

/** Two peers with any number of places each. */
function twins(seed: number, places: (world: World) => [Place[], Place[]], weather = CALM): Scene {
  const random = seeded(seed);
  const world = new World(random, weather);
  stunServer(world, SERVER);
  const [forA, forB] = places(world);
  const crypto = testCrypto(random);
  const make = (name: string, at: Place[]) =>
    new IcePeer(world, SERVER, { name, controlling: name === "a", places: at, crypto, signalMs: 30 });
  return { world, a: make("a", forA), b: make("b", forB) };
}

Deno.test("IceAgent with a wrong password never selects and stops after a bounded number of packets", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const roles: [boolean, boolean] = seed % 2 === 0 ? [true, false] : [false, true];
    const s = scene(seed, { a: NATS.eim_eif, b: NATS.eim_eif, weather: anyWeather(seed), roles });
    s.b.tamper = (message) => message.kind === "ice" ? { ...message, pwd: "A".repeat(24) } : message;
    s.a.start(s.b);
    s.b.listen(s.a);
    assert.ok(!run(s, 60_000, () => s.a.selected !== null), story(seed, s));
    assert.ok(s.world.sent < 600, `${s.world.sent} packets; ${story(seed, s)}`);
    assert.equal(s.a.failed, 1, story(seed, s));
  }
});

Deno.test("IceAgent resolves a role conflict, whoever has the larger tie-breaker", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    for (const both of [true, false]) {
      const s = met(seed, { ...HOME, weather: anyWeather(seed), roles: [both, both] });
      run(s, 20_000);
      assert.ok(agreed(s), story(seed, s));
      assert.notEqual(s.a.snapshot().role, s.b.snapshot().role, story(seed, s));
    }
  }
});

Deno.test("IceAgent notices lost consent within nine seconds, and a restart finds the way back", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = met(seed, { ...HOME, weather: anyWeather(seed) });
    run(s, 3_000);
    s.world.watch = () => false;
    assert.ok(run(s, 9_500, () => s.a.lost === 1 && s.b.lost === 1), story(seed, s));
    assert.equal(s.a.selected, null);
    s.world.watch = () => true;
    s.a.restart();
    assert.ok(run(s, 10_000, () => agreed(s)), story(seed, s));
  }
});

/** Runs until an end has lost consent; gives the ms that it took, or null. */
function untilLost(s: Scene, end: IcePeer): number | null {
  const then = s.world.now;
  const before = end.lost;
  return run(s, 10_000, () => end.lost > before) ? s.world.now - then : null;
}

Deno.test("IceAgent with data to send notices lost consent in less than three seconds, mostly two", () => {
  const all: number[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const s = met(seed, { ...HOME, weather: anyWeather(seed) });
    s.a.send();
    run(s, 3_000 + s.world.random() * 1_000);
    s.world.watch = () => false;
    all.push(untilLost(s, s.a) ?? Infinity);
  }
  all.sort((a, b) => a - b);
  assert.ok(
    all.at(-1)! < 2_900 && all[all.length / 2]! < 2_300,
    `median ${all[all.length / 2]}, largest ${all.at(-1)}`,
  );
});

Deno.test("IceAgent with data to send keeps consent for ten minutes through ten percent of loss each way", () => {
  for (let seed = 0; seed < 10; seed++) {
    const s = met(seed, { ...HOME, weather: { delayMs: 30, jitterMs: 30, loss: 0.1 } });
    for (const end of [s.a, s.b]) end.send();
    run(s, 600_000);
    assert.ok(agreed(s) && s.a.lost + s.b.lost === 0, story(seed, s));
  }
});

Deno.test("IceAgent in doubt believes data of the peer, but not once the pair is lost", () => {
  const s = met(4);
  s.a.send();
  run(s, 3_000);
  s.world.watch = () => false;
  s.a.doubt = () => s.a.hint();
  run(s, 20_000);
  assert.equal(s.a.lost, 0);
  assert.ok(s.a.doubted > 10);
  s.a.doubt = () => {};
  assert.ok(untilLost(s, s.a)! < 2_600);
  s.a.hint();
  run(s, 1_000);
  assert.equal(s.a.selected, null);
});

Deno.test("IceAgent follows a NAT that gives another address, and does not lose consent over it", () => {
  let lost = 0;
  for (let seed = 0; seed < 100; seed++) {
    const roles: [boolean, boolean] = seed % 2 === 0 ? [true, false] : [false, true];
    const s = met(seed, { ...HOME, weather: CALM, roles });
    for (const end of [s.a, s.b]) {
      end.send();
      end.doubt = () => end.freshen();
    }
    for (let n = 0; n < 3; n++) {
      run(s, 5_000);
      const before = s.a.selected!.remote;
      s.world.internet.nats.get("198.51.100.2")!.nat.flush();
      const follows = () => s.a.selected !== null && !same(s.a.selected.remote, before);
      assert.ok(run(s, 8_000, follows) || s.a.lost > 0, story(seed, s));
    }
    lost += s.a.lost + s.b.lost;
  }
  assert.ok(lost <= 6, `${lost} in 300 changes`);
});

Deno.test("IceAgent believes data of the peer no longer than consent lasts without an answer", () => {
  const s = met(6);
  s.a.send();
  run(s, 3_000);
  s.world.watch = () => false;
  s.a.doubt = () => s.a.hint();
  assert.ok(run(s, 35_000, () => s.a.lost === 1), story(6, s));
});

Deno.test("IceAgent takes a lost pair back when it works again, and asks for it a few seconds long", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    for (const restarts of [false, true]) {
      const s = met(seed, { ...HOME, weather: anyWeather(seed) });
      for (const end of [s.a, s.b]) end.send();
      run(s, 3_000);
      s.world.watch = () => false;
      assert.ok(run(s, 3_000, () => s.a.lost + s.b.lost === 2), story(seed, s));
      if (restarts) s.a.restart();
      run(s, 1_000);
      s.world.watch = () => true;
      assert.ok(run(s, 4_000, () => agreed(s)), story(seed, s));
      run(s, 10_000);
      assert.ok(agreed(s) && s.a.lost + s.b.lost === 2, story(seed, s));
    }
  }
});

Deno.test("IceAgent keeps consent for minutes through ten percent of loss", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = met(seed, { ...HOME, weather: { delayMs: 30, jitterMs: 30, loss: 0.1 } });
    run(s, 300_000);
    assert.ok(agreed(s) && s.a.lost + s.b.lost === 0, story(seed, s));
  }
});

Deno.test("IceAgent takes data from the peer as consent when its own checks are lost", () => {
  const s = met(1);
  s.world.watch = () => false;
  for (let n = 0; n < 20; n++) {
    run(s, 1_000);
    s.a.hint();
  }
  assert.equal(s.a.lost, 0);
  assert.equal(s.b.lost, 1);
});

Deno.test("IceAgent keeps the selected pair through a restart until the new generation has one", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = met(seed, { ...HOME, weather: anyWeather(seed) });
    run(s, 2_000);
    s.a.restart();
    if (seed % 2 === 0) s.b.restart();
    run(s, 20_000);
    assert.ok(agreed(s) && s.a.lost + s.b.lost === 0, story(seed, s));
    assert.ok(s.a.selections >= 2 && s.b.selections >= 2, story(seed, s));
    for (const peer of [s.a, s.b]) {
      const after = peer.log.slice(peer.log.findIndex(({ what }) => what === "connected") + 1);
      assert.ok(after.every(({ what }) => what === "selected"), story(seed, s));
    }
  }
});

Deno.test("IceAgent keeps the selected pair alive when nobody hears of its restart", () => {
  const s = met(2);
  s.a.tamper = () => ({ kind: "candidates", ufrag: "nobody", candidates: [] });
  s.a.restart();
  run(s, 120_000);
  assert.ok(agreed(s) && s.a.lost + s.b.lost === 0, story(2, s));
});

Deno.test("IceAgent follows a peer that moves to another network", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = met(seed, { ...HOME, weather: anyWeather(seed) });
    run(s, 2_000);
    const elsewhere = behind(s.world, "192.0.2.77", NATS.eim_adf);
    s.a.move([{ net: elsewhere, address: "172.16.5.5" }]);
    const there = () => agreed(s) && s.a.selected!.local.address === "192.0.2.77";
    assert.ok(run(s, 10_000, there), story(seed, s));
  }
});

Deno.test("IceAgent survives a NAT that forgets its mappings, or loses consent and finds back by a restart", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = met(seed, { ...HOME, weather: anyWeather(seed) });
    for (const { nat } of s.world.internet.nats.values()) nat.flush();
    run(s, 15_000);
    if (s.a.selected === null || s.b.selected === null) s.a.restart();
    assert.ok(run(s, 15_000, () => agreed(s)), story(seed, s));
  }
});

Deno.test("IceAgent takes the LAN when both are behind one NAT, hairpin or not", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    for (const kind of [NATS.hairpin, NATS.apdm_apdf, NATS.eim_apdf]) {
      const s = twins(seed, (world) => {
        const net = behind(world, "198.51.100.1", kind);
        return [[{ net, address: "10.9.1.2" }], [{ net, address: "10.9.1.3" }]];
      }, anyWeather(seed));
      s.a.start(s.b);
      s.b.listen(s.a);
      assert.ok(run(s, 10_000, () => agreed(s)), story(seed, s));
      run(s, 10_000);
      assert.ok(agreed(s) && same(s.a.selected!.remote, { address: "10.9.1.3", port: 51820 }), story(seed, s));
    }
  }
});

Deno.test("IceAgent goes through two NATs at each end", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = twins(seed, (world) => {
      const home = (outer: string, inner: string) => {
        const isp = behind(world, outer, NATS.eim_adf);
        return [{ net: behind(world, inner, NATS.eim_apdf, isp), address: "192.168.1.2" }];
      };
      return [home("198.51.100.1", "100.64.0.7"), home("198.51.100.2", "100.64.0.9")];
    }, anyWeather(seed));
    s.a.start(s.b);
    s.b.start(s.a);
    assert.ok(run(s, 10_000, () => agreed(s)), story(seed, s));
  }
});

/** Two machines, each with an address behind a NAT of its own and one of IPv6 without any. */
function dualStack(world: World): [Place[], Place[]] {
  const place = (outer: string, six: string) => [
    { net: behind(world, outer, NATS.eim_apdf), address: "10.9.1.2" },
    { net: world.internet, address: six },
  ];
  return [place("198.51.100.1", "2001:db8::a"), place("198.51.100.2", "2001:db8::b")];
}

Deno.test("IceAgent prefers IPv6 over a hole in two NATs, and falls back to it", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    for (const firewalled of [false, true]) {
      const s = twins(seed, dualStack, anyWeather(seed));
      if (firewalled) s.world.watch = (packet) => !packet.to.address.includes(":");
      s.a.start(s.b);
      s.b.listen(s.a);
      assert.ok(run(s, 10_000, () => agreed(s)), story(seed, s));
      run(s, 12_000);
      assert.ok(agreed(s) && s.a.selected!.remote.address.includes(":") === !firewalled, story(seed, s));
    }
  }
});

Deno.test("IceAgent changes to a better pair that turns up later, at both ends", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const s = twins(seed, dualStack, anyWeather(seed));
    s.world.watch = (packet) => !packet.to.address.includes(":");
    s.a.start(s.b);
    s.b.listen(s.a);
    assert.ok(run(s, 5_000, () => agreed(s)), story(seed, s));
    assert.ok(!s.a.selected!.remote.address.includes(":"));
    s.world.watch = () => true;
    assert.ok(run(s, 10_000, () => agreed(s) && s.a.selected!.remote.address.includes(":")), story(seed, s));
    assert.equal(s.a.lost + s.b.lost, 0, story(seed, s));
  }
});

Deno.test("IceAgent where UDP is blocked fails and says so", () => {
  const s = scene(3, { a: { ...NATS.eim_apdf, blocked: true }, b: NATS.eim_eif });
  s.a.start(s.b);
  s.b.start(s.a);
  assert.ok(!run(s, 40_000, () => agreed(s)));
  assert.deepEqual([s.a.failed, s.b.failed], [1, 1]);
});

Deno.test("IceAgent is quiet when all is well: a check every five seconds each way", () => {
  const s = met(5);
  run(s, 15_000);
  const before = s.world.sent;
  runUntil(s.world, [s.a, s.b], { ms: 100_000 });
  // 20 checks and 20 answers each way, or a few more as both ask together, and a STUN request every 20 s at each end.
  assert.ok(Math.abs(s.world.sent - before - 100) < 15, `${s.world.sent - before} packets`);
});
