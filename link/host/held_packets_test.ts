import assert from "node:assert/strict";
import { HOLD, UNDER_WAY } from "../core/handshake/tie.ts";
import { PeerPackets } from "./held_packets.ts";

const INITIATION = new Uint8Array([1, 9]);
const RESPONSE = new Uint8Array([2, 9]);
const DATA = new Uint8Array([4, 9]);

/** One end, whose rung and clock the test moves. */
function end(wins: boolean) {
  const world = { now: 0, up: false, sent: [] as Uint8Array[], delivered: [] as Uint8Array[] };
  const packets = new PeerPackets({
    wins,
    send: (packet) => world.up && world.sent.push(packet) > 0,
    deliver: (packet) => void world.delivered.push(packet),
    rearm: () => {},
    now: () => world.now,
  });
  packets.configured();
  return { world, packets };
}

Deno.test("an initiation that waited for a rung is under way from when it leaves, so the peer's that crosses it is dropped", () => {
  const { world, packets } = end(true);
  packets.outgoing(INITIATION);
  assert.deepEqual(world.sent, []);
  world.now = UNDER_WAY + 500;
  world.up = true;
  packets.carries();
  assert.deepEqual(world.sent, [INITIATION]);
  world.now += 50;
  packets.incoming(INITIATION);
  assert.deepEqual(world.delivered, []);
  packets.incoming(RESPONSE);
  assert.deepEqual(world.delivered, [RESPONSE]);
});

Deno.test("the larger end gives way also when its initiation still waits for a rung", () => {
  const { world, packets } = end(false);
  packets.outgoing(INITIATION);
  world.now = HOLD;
  packets.tick(world.now);
  packets.outgoing(DATA);
  packets.incoming(INITIATION);
  world.up = true;
  packets.carries();
  packets.tick(world.now += HOLD);
  assert.deepEqual(world.delivered, [INITIATION]);
  assert.deepEqual(world.sent, [DATA], "its own initiation counts no more; what else waited goes");
});

Deno.test("the larger end's initiation leaves a moment after the rung is there when none comes", () => {
  const { world, packets } = end(false);
  packets.outgoing(INITIATION);
  world.now = HOLD;
  packets.tick(world.now);
  world.up = true;
  packets.carries();
  assert.deepEqual(world.sent, []);
  world.now = packets.nextDeadline()!;
  packets.tick(world.now);
  assert.deepEqual(world.sent, [INITIATION]);
});

Deno.test("what comes before WireGuard knows the peer waits for it", () => {
  const delivered: Uint8Array[] = [];
  const packets = new PeerPackets({
    wins: true,
    send: () => true,
    deliver: (packet) => void delivered.push(packet),
    rearm: () => {},
    now: () => 0,
  });
  packets.incoming(INITIATION);
  assert.deepEqual(delivered, []);
  packets.configured();
  assert.deepEqual(delivered, [INITIATION]);
});
