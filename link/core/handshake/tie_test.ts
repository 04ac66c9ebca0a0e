import assert from "node:assert/strict";
import fc from "fast-check";
import { AGAIN, ModelWireGuard } from "./testing_wireguard.ts";
import { ANSWERING, HandshakeTie, POSTED_UNDER_WAY, UNDER_WAY } from "./tie.ts";

const packet = (type: number, mark = 7) => new Uint8Array([type, 0, 0, 0, mark]);

/** An initiation that leaves at once. */
function begins(tie: HandshakeTie, now: number): boolean {
  if (!tie.outgoing(packet(1), now)) return false;
  tie.left(packet(1), now);
  return true;
}

Deno.test("HandshakeTie lets everything but initiations pass", () => {
  for (const wins of [true, false]) {
    const tie = new HandshakeTie({ wins });
    for (const type of [0, 2, 3, 4, 255]) {
      assert.equal(tie.outgoing(packet(type), 0), true);
      assert.equal(tie.incoming(packet(type), 0), true);
    }
    assert.equal(tie.incoming(new Uint8Array(), 0), true);
    assert.equal(tie.nextDeadline(), null);
  }
});

Deno.test("HandshakeTie: either end begins at once, and the larger one gives way to an initiation that crosses its own", () => {
  const tie = new HandshakeTie({ wins: false });
  assert.equal(begins(tie, 0), true);
  assert.equal(tie.incoming(packet(1), 1), true);
  assert.equal(tie.nextDeadline(), null);
});

Deno.test("HandshakeTie: the smaller end keeps what crosses its own, and hands it on only if that is not answered", () => {
  const tie = new HandshakeTie({ wins: true });
  assert.equal(tie.incoming(packet(1), 0), true);
  assert.equal(tie.outgoing(packet(2), 1), true);
  assert.equal(begins(tie, 10), true);
  assert.equal(tie.incoming(packet(1, 1), 20), false);
  assert.equal(tie.incoming(packet(2), 30), true);
  assert.equal(tie.nextDeadline(), null, "answered");
  assert.equal(tie.incoming(packet(1), 40), true, "after the answer a new initiation is a new handshake");
  tie.outgoing(packet(2), 41);
  assert.equal(begins(tie, 5_000), true);
  assert.equal(tie.incoming(packet(1, 2), 5_001), false);
  assert.equal(tie.nextDeadline(), 5_000 + UNDER_WAY);
  assert.equal(tie.due(5_000 + UNDER_WAY - 1), null);
  assert.deepEqual(tie.due(5_000 + UNDER_WAY), { packet: packet(1, 2), inward: true });
  assert.equal(tie.incoming(packet(1, 2), 5_000 + UNDER_WAY), true);
});

Deno.test("HandshakeTie: an initiation that has not left yet keeps nobody's away", () => {
  const tie = new HandshakeTie({ wins: true });
  assert.equal(tie.outgoing(packet(1), 0), true);
  assert.equal(tie.incoming(packet(1), 1), true);
});

Deno.test("HandshakeTie: what WireGuard made before it took the peer's initiation leaves only if that is not answered", () => {
  for (const wins of [true, false]) {
    const tie = new HandshakeTie({ wins });
    assert.equal(tie.incoming(packet(1), 0), true);
    assert.equal(tie.outgoing(packet(1, 1), 2), false);
    assert.equal(tie.outgoing(packet(2), 3), true);
    assert.equal(tie.nextDeadline(), null, "void with the answer");
    assert.equal(tie.outgoing(packet(1, 2), 4), true, "made after it");
    assert.equal(tie.incoming(packet(1), 9_000), true);
    assert.equal(tie.outgoing(packet(1, 3), 9_001), false);
    assert.deepEqual(tie.due(9_000 + ANSWERING), { packet: packet(1, 3), inward: false });
    assert.equal(tie.outgoing(packet(1, 3), 9_000 + ANSWERING), true);
  }
});

Deno.test("HandshakeTie: what left by signal is under way for longer, until it follows over a rung", () => {
  const tie = new HandshakeTie({ wins: true });
  tie.left(packet(1), 0, { posted: true });
  tie.left(packet(2), 1);
  assert.equal(tie.incoming(packet(1, 1), UNDER_WAY), false);
  assert.equal(tie.nextDeadline(), POSTED_UNDER_WAY);
  tie.left(packet(1), 1_500);
  assert.equal(tie.nextDeadline(), 1_500 + UNDER_WAY);
  assert.equal(tie.incoming(packet(1, 1), 1_499 + UNDER_WAY), false);
  assert.deepEqual(tie.due(1_500 + UNDER_WAY), { packet: packet(1, 1), inward: true });
  assert.equal(tie.incoming(packet(1, 1), 1_500 + UNDER_WAY), true);
});

for (const [by, posted, furthest] of [["over a rung", false, 120], ["by signal", true, 1_500]] as const) {
  Deno.test(`HandshakeTie: whenever both begin ${by}, one handshake completes at once`, () => {
    // What was sent takes a moment to come to our hands.
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 1, max: furthest }),
        fc.integer({ min: 0, max: 20 }),
        (a, b, delay, moment) => {
          const ends = [true, false].map((wins, i) => ({
            tie: new HandshakeTie({ wins }),
            at: [a, b][i]!,
            wireguard: new ModelWireGuard(100 * i),
          }));
          const wire: { to: number; at: number; packet: Uint8Array }[] = [];
          const hands: { of: number; at: number; packet: Uint8Array }[] = [];
          for (let now = 0; now < AGAIN; now++) {
            ends.forEach(({ at, wireguard }, i) => {
              if (at === now && !wireguard.done) hands.push({ of: i, at: now + moment, packet: wireguard.begin(now) });
            });
            for (const { of, packet } of hands.filter((h) => h.at === now)) {
              if (!ends[of]!.tie.outgoing(packet, now)) continue;
              ends[of]!.tie.left(packet, now, { posted });
              wire.push({ to: 1 - of, at: now + delay, packet });
            }
            for (const m of wire.filter((w) => w.at === now)) {
              const end = ends[m.to]!;
              const answer = end.tie.incoming(m.packet, now) ? end.wireguard.take(m.packet) : null;
              if (answer) hands.push({ of: m.to, at: now + Math.max(1, moment), packet: answer });
            }
          }
          assert.deepEqual(ends.map(({ wireguard }) => wireguard.done), [true, true]);
        },
      ),
    );
  });
}
