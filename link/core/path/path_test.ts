import assert from "node:assert/strict";
import { Bench, direct, ENDPOINT, OTHER, relayed, selected, T0 } from "./testdata/bench.ts";

Deno.test("Path takes the relay at once and begins ICE", () => {
  const bench = new Bench();
  assert.equal(bench.path.nextDeadline(), null);
  assert.deepEqual(bench.path.view, { rung: "none", endpoint: null, rttMs: null, since: null });
  assert.deepEqual(bench.do({ kind: "gateUp", endpoint: "gate1", rttMs: 8 }), [
    "use quic",
    "notify quic",
    "moved quic",
    "startIce",
  ]);
  assert.deepEqual(bench.path.view, { rung: "quic", endpoint: "gate1", rttMs: 8, since: T0 });
});

Deno.test("Path without a gate begins ICE as soon as somebody carries its signals", () => {
  const bench = new Bench();
  assert.deepEqual(bench.do({ kind: "tick" }), []);
  assert.deepEqual(bench.do({ kind: "peerOnline" }), ["startIce"]);
  assert.deepEqual(bench.do(selected()), ["bridge on", "use direct", "notify direct", "moved direct"]);
});

Deno.test("Path leaves nothing to WireGuard's own sending before both WireGuards know each other", () => {
  const up = ["bridge on", "use direct", "notify direct", "moved direct"];
  for (const order of [["wgConfigured", "wgHeard"], ["wgHeard", "wgConfigured"]] as const) {
    const bench = new Bench({ strange: true });
    assert.deepEqual(bench.do({ kind: "peerOnline" }), ["startIce"]);
    assert.deepEqual(bench.do(selected()), []);
    assert.deepEqual(bench.do({ kind: "gateUp" }), ["use quic", "notify quic", "moved quic"]);
    assert.deepEqual(order.map((kind) => bench.do({ kind })), [[], up]);
  }
});

Deno.test("Path takes the peer's word that its WireGuard sends by itself, and does not wait for ever for any word", () => {
  const bench = () => {
    const bench = new Bench({ strange: true });
    bench.do({ kind: "gateUp" });
    bench.do({ kind: "wgConfigured" });
    bench.elapse(20_000);
    assert.deepEqual(bench.do(selected()), []);
    return bench;
  };
  assert.deepEqual(bench().do({ kind: "peerMoved", rung: "quic", serial: T0 }), ["ack quic"]);
  for (const rung of ["direct", "lane"]) {
    const told = bench().do({ kind: "peerMoved", rung, serial: T0 });
    assert.deepEqual(told, [`ack ${rung}`, "bridge on", "use direct", "notify direct", "moved direct"]);
  }
  const at = (log: [number, string][]) => log.find(([, what]) => what === "use direct")?.[0];
  assert.equal(at(bench().elapse(10_000)), 26_000);
});

Deno.test("Path says anew that it is direct when the peer has begun anew and the pair is the same one, once", () => {
  const bench = direct();
  assert.deepEqual(bench.do(selected()), []);
  bench.do({ kind: "iceStarted" });
  assert.deepEqual(bench.do(selected()), ["moved direct"]);
  bench.follow("direct");
  assert.deepEqual(bench.do(selected()), []);
});

Deno.test("Path that has fallen away meanwhile is not used when WireGuard knows the peer", () => {
  const bench = new Bench({ strange: true });
  bench.do({ kind: "gateUp" });
  bench.do({ kind: "wgHeard" });
  bench.do(selected());
  assert.deepEqual(bench.do({ kind: "iceConsentLost" }), []);
  assert.deepEqual(bench.do({ kind: "wgConfigured" }), []);
});

Deno.test("Path climbs with the bridge on before the endpoint is set, and releases the relay when both have drained", () => {
  const bench = relayed();
  assert.deepEqual(bench.do(selected()), ["bridge on", "use direct", "notify direct", "moved direct"]);
  assert.deepEqual(bench.path.view, { rung: "direct", endpoint: ENDPOINT, rttMs: 12, since: bench.now });
  bench.now += 30;
  assert.deepEqual(bench.do({ kind: "peerMovedAck", serial: bench.now - 30 }), []);
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "direct", serial: bench.now }), ["ack direct"]);
  const at = bench.now - T0;
  assert.deepEqual(bench.elapse(10_000), [[at + 2_000, "use direct"], [at + 2_000, "release quic"]]);
});

Deno.test("Path says `moved` again until it is acknowledged, and keeps the old rung as long", () => {
  const bench = relayed();
  bench.do(selected());
  const serial = bench.serial();
  assert.deepEqual(bench.elapse(15_000).map(([, what]) => what), Array(4).fill("moved direct"));
  assert.deepEqual(bench.do({ kind: "peerMovedAck", serial: serial - 1 }), []);
  bench.do({ kind: "peerMovedAck", serial });
  assert.deepEqual(bench.elapse(15_000), []);
  bench.do({ kind: "peerMoved", rung: "direct", serial: bench.now });
  assert.deepEqual(bench.elapse(2_000).map(([, what]) => what), ["use direct", "release quic"]);
});

Deno.test("Path acknowledges a repeated word again and ignores an older one", () => {
  const bench = relayed();
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "lane", serial: T0 + 50_000 }), ["ack lane"]);
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "lane", serial: T0 + 50_000 }), ["ack lane"]);
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "quic", serial: T0 + 49_999 }), []);
  assert.equal(bench.path.peerRung, "lane");
});

Deno.test("Path stays on the lane when both ends move to a lane at another gate, whoever is first", () => {
  const bench = relayed();
  const lane = (endpoint: string, port: number) => {
    const wireguard = { address: "203.0.113.20", port };
    return bench.do({ kind: "relayUp", relay: { rung: "lane", rank: 1, endpoint, rttMs: 1, wireguard } });
  };
  lane("g1", 40_001);
  bench.follow("lane");
  bench.elapse(10_000);
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "lane", serial: bench.now }), ["ack lane"]);
  assert.deepEqual(lane("g2", 40_002), ["bridge on", "use lane", "notify lane", "moved lane"]);
  bench.now += 20;
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "lane", serial: bench.now }), ["ack lane"]);
  assert.equal(bench.path.view.endpoint, "g2");
  assert.equal(bench.path.view.rung, "lane");
});

Deno.test("Path falls back when consent is lost: bridge off first, then the relay, then ICE again", () => {
  const bench = direct();
  assert.deepEqual(bench.do({ kind: "iceConsentLost" }), ["bridge off", "use quic", "notify quic", "moved quic"]);
  const log = bench.elapse(1_000).map(([, what]) => what);
  assert.ok(log.includes("restartIce"), log.join());
});

Deno.test("Path falls with its peer although its own pair seems well, and climbs with it without waiting", () => {
  const bench = direct();
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "quic", serial: bench.now }), [
    "ack quic",
    "bridge off",
    "use quic",
    "notify quic",
    "moved quic",
  ]);
  bench.do({ kind: "iceStarted" });
  bench.now += 100;
  assert.equal(bench.do(selected()).includes("use direct"), false);
  bench.now += 10;
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "direct", serial: bench.now }), [
    "ack direct",
    "bridge on",
    "use direct",
    "notify direct",
    "moved direct",
  ]);
});

Deno.test("Path is not moved by a peer that has not climbed yet", () => {
  const bench = relayed();
  bench.do(selected());
  assert.deepEqual(bench.do({ kind: "peerMoved", rung: "quic", serial: bench.now + 5 }), ["ack quic"]);
  assert.equal(bench.path.view.rung, "direct");
});

Deno.test("Path holds a failing rung down with growing waits and forgives after a minute of health", () => {
  const bench = direct();
  const waits: number[] = [];
  for (let n = 0; n < 8; n++) {
    bench.do({ kind: "iceConsentLost" });
    const fell = bench.now;
    bench.do({ kind: "iceStarted" });
    bench.now += 200;
    bench.do(selected());
    bench.elapse(70_000);
    waits.push(bench.path.view.since! - fell);
    // Back to a moment after the climb, so that health does not forgive.
    bench.now = bench.path.view.since! + 5_000;
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  bench.now += 60_000;
  bench.do({ kind: "iceConsentLost" });
  const fell = bench.now;
  bench.do(selected());
  bench.elapse(5_000);
  assert.equal(bench.path.view.since! - fell, 1_000);
});

Deno.test("Path uses a held rung when there is no other", () => {
  const bench = direct();
  bench.do({ kind: "iceConsentLost" });
  bench.do({ kind: "gateDown" });
  assert.equal(bench.path.view.rung, "none");
  assert.deepEqual(bench.do(selected()).slice(0, 2), ["bridge on", "use direct"]);
});

Deno.test("Path stays direct when the gate and the coordinator die, and says so when they are back", () => {
  const bench = direct();
  assert.deepEqual(bench.do({ kind: "gateDown" }), []);
  assert.deepEqual(bench.do({ kind: "peerOffline" }), []);
  assert.deepEqual(bench.elapse(600_000), []);
  assert.deepEqual(bench.do({ kind: "gateUp" }), []);
  assert.equal(bench.path.view.rung, "direct");
});

Deno.test("Path repeats nothing while nobody carries signals, and catches up later", () => {
  const bench = direct();
  bench.do({ kind: "gateDown" });
  assert.deepEqual(bench.do({ kind: "iceConsentLost" }), ["bridge off", "use none", "notify none"]);
  assert.deepEqual(bench.elapse(600_000), []);
  assert.deepEqual(bench.do({ kind: "gateUp" }), ["use quic", "notify quic", "moved quic", "restartIce"]);
});

Deno.test("Path tries ICE again after failures with growing waits, at once when the network changes", () => {
  const bench = relayed();
  const waits: number[] = [];
  for (let n = 0; n < 10; n++) {
    bench.do({ kind: "iceFailed" });
    const next = bench.path.nextDeadline()!;
    waits.push(next - bench.now);
    bench.now = next;
    assert.deepEqual(bench.do({ kind: "tick" }), ["restartIce"]);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map((s) => s * 1_000));
  bench.do({ kind: "iceFailed" });
  assert.deepEqual(bench.do({ kind: "networkChanged" }), ["restartIce"]);
});

Deno.test("Path tries ICE again at once when the NAT gives another address, though its waits go on growing", () => {
  const bench = relayed();
  for (let n = 0; n < 8; n++) {
    bench.do({ kind: "iceFailed" });
    bench.now = bench.path.nextDeadline()!;
    bench.do({ kind: "tick" });
  }
  bench.do({ kind: "iceFailed" });
  assert.deepEqual(bench.do({ kind: "mappingChanged" }), ["restartIce"]);
  bench.do({ kind: "iceFailed" });
  assert.equal(bench.path.nextDeadline()! - bench.now, 300_000);
});

Deno.test("Path holds a lane down at the gate where it failed, and takes one at another gate at once", () => {
  const bench = relayed();
  const lane = (endpoint: string) => {
    const wireguard = { address: "203.0.113.20", port: endpoint === "g1" ? 40_001 : 40_002 };
    return bench.do({ kind: "relayUp", relay: { rung: "lane", rank: 1, endpoint, rttMs: 1, wireguard } });
  };
  const up = ["bridge on", "use lane", "notify lane", "moved lane"];
  const down = ["bridge off", "use quic", "notify quic", "moved quic"];
  for (const gate of ["g1", "g2"]) {
    assert.deepEqual(lane(gate), up);
    assert.deepEqual(bench.do({ kind: "relayDown", rung: "lane" }), down);
  }
  assert.deepEqual(lane("g1"), []);
  assert.ok(bench.elapse(1_000).some(([, what]) => what === "use lane"));
});

Deno.test("Path does not hold a direct path down that a NAT's change of mind has cost, before or after it was noticed", () => {
  for (
    const order of [["mappingChanged", "iceConsentLost"], ["iceConsentLost", "mappingChanged"], [
      "iceConsentLost",
      "peerMappingChanged",
    ]] as const
  ) {
    const bench = new Bench();
    bench.do({ kind: "gateUp" });
    for (let n = 0; n < 6; n++) {
      bench.do(selected());
      assert.equal(bench.path.view.rung, "direct", `${order}, ${n}`);
      bench.elapse(20_000);
      for (const kind of order) bench.do({ kind });
      assert.equal(bench.path.view.rung, "quic");
    }
  }
});

Deno.test("Path holds a direct path down that never lasts, however often a NAT changes its mind", () => {
  const bench = direct();
  for (let n = 0; n < 6; n++) {
    bench.elapse(5_000);
    bench.do({ kind: "iceConsentLost" });
    bench.do({ kind: "mappingChanged" });
    bench.do(selected());
    assert.equal(bench.path.view.rung, "quic");
    bench.elapse(1_000 * 2 ** n);
  }
});

Deno.test("Path makes an offer that nobody answers twice more, and then gives up on the attempt", () => {
  const bench = new Bench();
  bench.do({ kind: "peerOnline" });
  const log = bench.elapse(21_500);
  assert.deepEqual(log, [[1_000, "offerAgain"], [5_000, "offerAgain"], [21_000, "restartIce"]]);
});

Deno.test("Path makes an offer once that is answered, or that meets the peer's own", () => {
  for (const kind of ["iceAnswered", "iceStarted"] as const) {
    const bench = new Bench();
    bench.do({ kind: "peerOnline" });
    bench.do({ kind });
    assert.deepEqual(bench.elapse(15_000), [], kind);
  }
});

Deno.test("Path moves to a better pair of the same rung, and is not troubled by the same one", () => {
  const bench = direct();
  const { since } = bench.path.view;
  assert.deepEqual(bench.do(selected()), []);
  assert.deepEqual(bench.do(selected(OTHER)), ["bridge on", "use direct", "notify direct", "moved direct"]);
  assert.deepEqual(bench.path.view, { rung: "direct", endpoint: "[2001:db8::2]:51820", rttMs: 12, since });
});

Deno.test("Path leaves a direct rung over which WireGuard can't shake hands, but not its only rung", () => {
  const bench = direct();
  assert.deepEqual(bench.do({ kind: "wgHandshakeStale" }), ["bridge off", "use quic", "notify quic", "moved quic"]);
  assert.equal(bench.do({ kind: "wgHandshakeStale" }).includes("use none"), false);
  assert.equal(bench.path.view.rung, "quic");
});
