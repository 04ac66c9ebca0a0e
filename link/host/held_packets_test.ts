import assert from "node:assert/strict";
import { UNDER_WAY } from "../core/handshake/tie.ts";
import { PeerPackets } from "./held_packets.ts";

const packet = (type: number, length: number) => new Uint8Array(length).fill(type, 0, 1);
const INITIATION = packet(1, 148);
const RESPONSE = packet(2, 92);
const DATA = packet(4, 96);

/** One end, whose rung and clock the test moves. */
function end(wins: boolean, { configured = true } = {}) {
  const world = {
    now: 0,
    up: false,
    sent: [] as Uint8Array[],
    posted: [] as Uint8Array[],
    delivered: [] as Uint8Array[],
  };
  const packets = new PeerPackets({
    wins,
    send: (packet) => world.up && world.sent.push(packet) > 0,
    post: (packet) => void world.posted.push(packet),
    deliver: (packet) => void world.delivered.push(packet),
    rearm: () => {},
    now: () => world.now,
  });
  if (configured) packets.configured();
  return { world, packets };
}

Deno.test("an initiation that waited for a rung is under way from when it leaves, so the peer's that crosses it waits", () => {
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
  world.now = packets.nextDeadline()!;
  packets.tick(world.now);
  assert.deepEqual(world.delivered, [INITIATION], "ours was lost");
});

for (const wins of [true, false]) {
  Deno.test(`an end (wins: ${wins}) whose initiation still waits for a rung takes the peer's, and its own is void`, () => {
    const { world, packets } = end(wins);
    packets.outgoing(INITIATION);
    packets.outgoing(DATA);
    packets.incoming(INITIATION);
    assert.deepEqual(world.delivered, [INITIATION]);
    world.up = true;
    packets.carries();
    packets.tick(world.now += UNDER_WAY);
    assert.deepEqual(world.sent, [DATA], "its own initiation counts no more; what else waited goes");
  });

  Deno.test(`an end (wins: ${wins}) begins as soon as a rung is there`, () => {
    const { world, packets } = end(wins);
    world.up = true;
    packets.outgoing(INITIATION);
    assert.deepEqual(world.sent, [INITIATION]);
  });
}

Deno.test("WireGuard's newest initiation waits until it would make the next one", () => {
  const { world, packets } = end(true);
  packets.outgoing(packet(1, 148));
  world.now = 5_200;
  const newest = packet(1, 148).fill(9, 1);
  packets.outgoing(newest);
  world.now += 5_200;
  world.up = true;
  packets.carries();
  assert.deepEqual(world.sent, [newest]);
});

Deno.test("what comes before WireGuard knows the peer waits for it, and its first packet shows that it does", () => {
  for (const wins of [true, false]) {
    const { world, packets } = end(wins, { configured: false });
    world.up = true;
    packets.incoming(INITIATION);
    assert.deepEqual(world.delivered, []);
    packets.outgoing(packet(1, 148).fill(9, 1));
    assert.deepEqual([world.delivered, world.sent], [[INITIATION], []], "the one that is there goes first");
    packets.outgoing(RESPONSE);
    assert.deepEqual(world.sent, [RESPONSE]);
  }
  const { world, packets } = end(true, { configured: false });
  packets.incoming(INITIATION);
  packets.configured();
  assert.deepEqual(world.delivered, [INITIATION]);
});

Deno.test("without a rung a handshake goes by signal to a peer that was heard of, each packet once", () => {
  const { world, packets } = end(true);
  packets.outgoing(INITIATION);
  assert.deepEqual(world.posted, [], "nobody knows whether it is there");
  packets.heard();
  packets.heard();
  packets.outgoing(DATA);
  assert.deepEqual(world.posted, [INITIATION]);
  packets.posted(RESPONSE);
  packets.posted(DATA);
  assert.deepEqual(world.delivered, [RESPONSE], "the mailbox is no relay for data");
  world.up = true;
  packets.carries();
  assert.deepEqual(world.sent, [DATA], "an answered initiation is not sent again");
});

Deno.test("what went by signal goes again over the rung that comes up before an answer", () => {
  const { world, packets } = end(true);
  packets.heard();
  packets.outgoing(INITIATION);
  world.up = true;
  packets.carries();
  assert.deepEqual([world.posted, world.sent], [[INITIATION], [INITIATION]]);
});
