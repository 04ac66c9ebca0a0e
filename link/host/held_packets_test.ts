import assert from "node:assert/strict";
import fc from "fast-check";
import { AGAIN, ModelWireGuard } from "../core/handshake/testing_wireguard.ts";
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
    events: [] as string[],
    rearmed: 0,
  };
  const packets = new PeerPackets({
    wins,
    send: (packet) => world.up && world.sent.push(packet) > 0,
    post: (packet) => void world.posted.push(packet),
    deliver: (packet) => void world.delivered.push(packet),
    event: (kind) => void world.events.push(kind),
    rearm: () => void world.rearmed++,
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

Deno.test("once what went by signal follows over a rung, the peer's that crosses it waits as for any other", () => {
  const { world, packets } = end(true);
  packets.heard();
  packets.outgoing(INITIATION);
  packets.posted(INITIATION);
  assert.deepEqual(world.delivered, []);
  world.now = UNDER_WAY + 500;
  world.up = true;
  const before = world.rearmed;
  packets.carries();
  assert.equal(packets.nextDeadline(), world.now + UNDER_WAY);
  assert.ok(world.rearmed > before);
});

/** What a model of two ends does with the real packets of both. */
interface Meeting {
  /** The newcomer has the smaller id. */
  newcomerWins: boolean;
  /** When WireGuard begins at the peer who is there, which mails its offer at 0, and at the newcomer; in ms. */
  begins: [number, number];
  /** One way, in ms. */
  mail: number;
  /** Of what is mailed, by its number. */
  lost?: number;
  /** When a rung comes up, in ms. */
  rung?: number;
}

/** Lets them meet until both have keys; gives how often each has begun, and when they were done. */
function meet({ newcomerWins, begins, mail, lost, rung = Infinity }: Meeting): { begun: number[]; done: number } {
  let now = 0;
  let mailed = 0;
  const wire: { at: number; arrive: () => void }[] = [];
  const post = (arrive: () => void) => void (mailed++ === lost || wire.push({ at: now + mail, arrive }));
  const ends = [!newcomerWins, newcomerWins].map((wins, i) => {
    const wireguard = new ModelWireGuard(100 * i);
    const packets: PeerPackets = new PeerPackets({
      wins,
      send: (packet) => now >= rung && wire.push({ at: now + 20, arrive: () => other(i).packets.incoming(packet) }) > 0,
      post: (packet) => post(() => other(i).packets.posted(packet)),
      deliver: (packet) => {
        const answer = wireguard.take(packet);
        if (answer) packets.outgoing(answer);
      },
      event: () => {},
      rearm: () => {},
      now: () => now,
    });
    packets.configured();
    return { wireguard, packets };
  });
  const other = (i: number) => ends[1 - i]!;
  ends[0]!.packets.heard();
  post(() => other(0).packets.heard());
  for (; now < 6 * AGAIN && !ends.every(({ wireguard }) => wireguard.done); now += 10) {
    ends.forEach(({ wireguard, packets }, i) => {
      if (now >= begins[i]! && wireguard.due(now)) packets.outgoing(wireguard.begin(now));
      if ((packets.nextDeadline() ?? Infinity) <= now) packets.tick(now);
      if (now === rung) packets.carries();
    });
    for (const m of wire.filter(({ at }) => at <= now)) {
      wire.splice(wire.indexOf(m), 1);
      m.arrive();
    }
  }
  return { begun: ends.map(({ wireguard }) => wireguard.begun), done: now };
}

const tens = (min: number, max: number) => fc.integer({ min: min / 10, max: max / 10 }).map((n) => n * 10);
const begins = fc.tuple(tens(0, 400), tens(0, 400));

Deno.test("by signal the first handshake of a pair completes without another, however far away the mailbox is", () => {
  for (const newcomerWins of [true, false]) {
    for (const mail of [50, 120, 240, 480, 520, 600, 800, 1_100]) {
      const { begun, done } = meet({ newcomerWins, begins: [0, 0], mail });
      assert.ok(begun.every((n) => n === 1) && done < AGAIN, `${mail} ms: ${begun}, ${done}`);
    }
  }
  fc.assert(fc.property(fc.boolean(), begins, tens(10, 1_100), (newcomerWins, begins, mail) => {
    const { begun, done } = meet({ newcomerWins, begins, mail });
    assert.ok(begun.every((n) => n <= 1), `${begun}, ${done}`);
  }));
});

Deno.test("a rung that comes up takes the first handshake along, also when its mail is on the way or lost", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      begins,
      tens(10, 1_100),
      fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
      tens(0, 3_000),
      (newcomerWins, begins, mail, lost, rung) => {
        const { begun, done } = meet({ newcomerWins, begins, mail, ...(lost === undefined ? {} : { lost }), rung });
        assert.ok(begun.every((n) => n <= 1), `${begun}, ${done}`);
      },
    ),
  );
});

Deno.test("a mail that is lost costs the first handshake one more at most", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      begins,
      tens(10, 1_100),
      fc.integer({ min: 0, max: 5 }),
      (newcomerWins, begins, mail, lost) => {
        const { begun, done } = meet({ newcomerWins, begins, mail, lost });
        assert.ok(begun.every((n) => n <= 2), `${begun}, ${done}`);
      },
    ),
  );
});

Deno.test("what says that one WireGuard knows the other is told once: a packet of ours, and one of the peer's by whatever way", () => {
  for (const way of ["incoming", "posted"] as const) {
    const { world, packets } = end(true, { configured: false });
    packets.posted(new Uint8Array(96).fill(4, 0, 1)); // what may not come by signal says nothing
    assert.deepEqual(world.events, []);
    packets[way](INITIATION);
    assert.deepEqual([world.events, world.delivered], [["wgHeard"], []]);
    packets.outgoing(INITIATION);
    packets.configured();
    packets[way](INITIATION);
    assert.deepEqual(world.events, ["wgHeard", "wgConfigured"]);
  }
});
