import assert from "node:assert/strict";
import fc from "fast-check";
import { FRAME_HEADER, FRAME_PACKET, type FromGate } from "../../mesh/wire/gate_session.ts";
import { toBase32 } from "../../mesh/wire/encoding.ts";
import { Bucket } from "./bucket.ts";
import { ControlQueue } from "./control_queue.ts";
import { Directory } from "./directory.ts";
import { splitFrame } from "./frame.ts";
import { PacketQueue } from "./packet_queue.ts";
import { Retry } from "./retry.ts";
import { sourceOf } from "./source.ts";

const HEAD = { seq: 1, hash: "h" };
const BOUNDS = { signals: 4, signalBytes: 100, pongs: 4, ledger: 4, laneWords: 6 };

Deno.test("PacketQueue keeps the newest within both bounds, in order", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(null))), (steps) => {
    const queue = new PacketQueue({ packets: 4, bytes: 100 });
    let model: Uint8Array[] = [];
    for (const step of steps) {
      if (step === null) {
        assert.equal(queue.shift(), model.shift());
        continue;
      }
      const packet = new Uint8Array(step);
      queue.push(packet);
      model.push(packet);
      while (model.length > 4 || model.reduce((sum, p) => sum + p.length, 0) > 100) model = model.slice(1);
      assert.equal(queue.length, model.length);
    }
    for (const packet of model) assert.equal(queue.shift(), packet);
    assert.equal(queue.shift(), undefined);
  }));
});

Deno.test("PacketQueue refuses a packet that could never fit", () => {
  const queue = new PacketQueue({ packets: 4, bytes: 100 });
  queue.push(new Uint8Array(10));
  queue.push(new Uint8Array(101));
  assert.deepEqual([queue.length, queue.dropped], [1, 1]);
});

Deno.test("ControlQueue has nothing of any kind left when it is cleared", () => {
  const queue = new ControlQueue(BOUNDS);
  const fill = () => {
    for (
      const message of [
        { t: "welcome", observed: "192.0.2.1:1", lanes: true, head: HEAD },
        { t: "turn", username: "u", password: "p", expires: 1 },
        { t: "ping", n: 1 },
        { t: "pong", n: 1 },
        { t: "head", head: HEAD },
        { t: "entries", entries: [] },
        { t: "lane-ended", node: "n" },
        { t: "presence", node: "n", up: true },
        { t: "signal", from: "n", box: "b" },
      ] as FromGate[]
    ) queue.push(message);
  };
  fill();
  let count = 0;
  while (queue.shift()) count++;
  assert.equal(count, 9);
  fill();
  queue.clear();
  assert.equal(queue.shift(), undefined);
});

Deno.test("ControlQueue keeps a bounded number of the newest of whatever a node can cause without reading", () => {
  const queue = new ControlQueue(BOUNDS);
  for (let n = 0; n < 1_000; n++) {
    for (
      const message of [
        { t: "ping", n },
        { t: "pong", n },
        { t: "turn", username: `${n}`, password: "p", expires: 1 },
        { t: "head", head: { seq: n, hash: "h" } },
        { t: "entries", entries: [] },
        { t: "lane-ended", node: `n${n}`, reason: "no-lanes" },
        { t: "signal", from: `n${n}`, box: "b" },
      ] as FromGate[]
    ) queue.push(message);
  }
  const left: FromGate[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) left.push(next);
  const count = (t: FromGate["t"]) => left.filter((message) => message.t === t).length;
  assert.deepEqual(
    (["ping", "pong", "turn", "head", "entries", "lane-ended", "signal"] as const).map(count),
    [1, 4, 1, 1, 4, 6, 4],
  );
  assert.deepEqual(left.find(({ t }) => t === "ping"), { t: "ping", n: 999 });
  assert.deepEqual(left.findLast(({ t }) => t === "lane-ended"), { t: "lane-ended", node: "n999", reason: "no-lanes" });
});

Deno.test("Directory finds by text and by frame, also when the first four bytes collide", () => {
  const directory = new Directory<number>();
  const bytes = (last: number) => Uint8Array.from({ length: 16 }, (_, i) => i < 15 ? 0xf7 : last);
  const ofFrame = (last: number) => directory.ofFrame(Uint8Array.from([1, ...bytes(last), 0]));
  directory.set(toBase32(bytes(1)), 1);
  directory.set(toBase32(bytes(2)), 2);
  assert.deepEqual([ofFrame(1), ofFrame(2), ofFrame(3)], [1, 2, undefined]);
  assert.equal(directory.get(toBase32(bytes(2))), 2);
  directory.set(toBase32(bytes(1)), 10);
  directory.delete(toBase32(bytes(2)));
  assert.deepEqual([ofFrame(1), ofFrame(2), directory.size], [10, undefined, 1]);
});

Deno.test("splitFrame() cuts a packet into halves that give it back", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 2, maxLength: 1500 }), fc.nat(0xffff), (packet, serial) => {
    const frame = new Uint8Array(FRAME_HEADER + packet.length);
    frame[0] = FRAME_PACKET;
    frame.fill(7, 1, FRAME_HEADER);
    frame.set(packet, FRAME_HEADER);
    const halves = splitFrame(frame, serial)!;
    assert.deepEqual(halves.map((h) => h[0]), [2, 3]);
    for (const half of halves) {
      assert.deepEqual(half.subarray(1, FRAME_HEADER), frame.subarray(1, FRAME_HEADER));
      assert.equal(half[17]! << 8 | half[18]!, serial);
      assert(half.length <= FRAME_HEADER + 2 + 750);
    }
    assert.deepEqual(halves.flatMap((h) => [...h.subarray(19)]), [...packet]);
    assert.equal(splitFrame(halves[0], 1), null);
  }));
});

Deno.test("Bucket gives its burst, then its rate, and survives a clock that steps back", () => {
  const bucket = new Bucket({ rate: 10, burst: 2 }, 1000);
  assert.deepEqual([bucket.take(1, 1000), bucket.take(1, 1000), bucket.take(1, 1000)], [true, true, false]);
  assert.equal(bucket.readyAt(1, 1000), 1100);
  assert.equal(bucket.take(1, 1100), true);
  assert.equal(bucket.take(1, 500), false);
  assert.equal(bucket.take(1, 600), true);
  assert.equal(bucket.take(100, 10_000), true);
});

Deno.test("Retry doubles up to its last wait, jittered, and begins again after a success", () => {
  const retry = new Retry({ first: 250, last: 10_000, random: () => 1 });
  const waits = Array.from({ length: 8 }, () => retry.wait());
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  retry.reset();
  assert.equal(retry.wait(), 250);
  assert.equal(new Retry({ first: 250, last: 10_000, random: () => 0 }).wait(), 125);
});

Deno.test("sourceOf() shows mapped IPv4 as IPv4 and groups IPv6 by /64", () => {
  const mapped = sourceOf("::ffff:192.0.2.7", 5);
  assert.deepEqual([mapped.text, mapped.group, mapped.bytes.length], ["192.0.2.7:5", "192.0.2.7", 4]);
  const six = sourceOf("2001:db8:1:2:3:4:5:6", 5);
  assert.deepEqual([six.text, six.group], ["[2001:db8:1:2:3:4:5:6]:5", "2001:db8:1:2::/64"]);
});
