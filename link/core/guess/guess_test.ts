import assert from "node:assert/strict";
import { seeded } from "../../../mesh/wire/stun/testdata/crypto.ts";
import { MAX_PROBES, OPEN_FOR, PROBE_EVERY, PROBES_AT_ONCE, SOCKETS } from "./limits.ts";
import { Opener } from "./opener.ts";
import { predict, probeOrder } from "./ports.ts";
import { Prober } from "./prober.ts";

Deno.test("predict() goes on where a sequential allocator will, up or down, also when others are served between", () => {
  assert.deepEqual(predict([4000, 4001, 4002], 10), { from: 4003, step: 1, count: 20 });
  assert.deepEqual(predict([4000, 4002, 4006, 4008], 4), { from: 4010, step: 2, count: 8 });
  assert.deepEqual(predict([4002, 4001, 4000], 2), { from: 3999, step: -1, count: 4 });
});

Deno.test("predict() stays among the ports there are", () => {
  assert.deepEqual(predict([65531, 65532, 65533], 256), { from: 65534, step: 1, count: 2 });
  assert.equal(predict([65533, 65534, 65535], 256), null);
  assert.deepEqual(predict([1027, 1026, 1025], 256), { from: 1024, step: -1, count: 1 });
});

Deno.test("predict() says nothing about random ports, or too few", () => {
  assert.equal(predict([4000, 4001], 10), null);
  assert.equal(predict([4000, 4001, 4000], 10), null);
  assert.equal(predict([4000, 4001, 9000], 10), null);
  const random = seeded(7);
  let predicted = 0;
  for (let n = 0; n < 1000; n++) {
    const samples = Array.from({ length: 4 }, () => 1024 + Math.floor(random() * 64512));
    if (predict(samples, 256)) predicted++;
  }
  assert.equal(predicted, 0);
});

Deno.test("probeOrder() gives every port once, the predicted ones first", () => {
  const order = [...probeOrder(seeded(1), { from: 5000, step: 2, count: 3 })];
  assert.deepEqual(order.slice(0, 3), [5000, 5002, 5004]);
  assert.equal(order.length, 64_512);
  assert.equal(new Set(order).size, 64_512);
  assert.ok(order.every((port) => port >= 1024 && port <= 65_535));
});

Deno.test("Prober keeps its pace, catches up by a few at most, and ends at the cap", () => {
  const prober = new Prober({ address: "203.0.113.2", predicted: null, random: seeded(2), now: 0 });
  assert.equal(prober.tick(0).length, 1);
  assert.equal(prober.tick(PROBE_EVERY - 1).length, 0);
  assert.equal(prober.tick(3 * PROBE_EVERY - 1).length, 2);
  assert.equal(prober.tick(1000).length, PROBES_AT_ONCE);
  assert.equal(prober.tick(1000 + PROBE_EVERY - 1).length, 0);
  // Timers that come late by half of the pace: as many go out as in time.
  for (let now = 2000; now < 2000 + 100 * PROBE_EVERY; now += 1.5 * PROBE_EVERY) prober.tick(now);
  assert.ok(prober.sent >= 1 + 2 + PROBES_AT_ONCE + 100, `${prober.sent}`);
  for (let now = 10_000; !prober.over; now += PROBE_EVERY) prober.tick(now);
  assert.equal(prober.sent, MAX_PROBES);
  assert.deepEqual(prober.tick(1e9), []);
});

Deno.test("Opener opens every socket, once again after ten seconds, and is over", () => {
  const opener = new Opener({ now: 0 });
  const sent = new Array<number>(SOCKETS).fill(0);
  let largest = 0;
  for (let now = 0; !opener.over(now); now = Math.max(now + 1, opener.nextDeadline())) {
    const batch = opener.tick(now);
    largest = Math.max(largest, batch.length);
    for (const socket of batch) sent[socket]!++;
  }
  assert.deepEqual(new Set(sent), new Set([2]));
  assert.ok(largest <= 8);
  assert.deepEqual(opener.tick(OPEN_FOR), []);
});
