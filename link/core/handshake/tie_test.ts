import assert from "node:assert/strict";
import fc from "fast-check";
import { HandshakeTie, HOLD, UNDER_WAY } from "./tie.ts";

const packet = (type: number) => new Uint8Array([type, 0, 0, 0, 7]);

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

Deno.test("HandshakeTie: the larger end gives way to an initiation that comes, and else sends its own", () => {
  const tie = new HandshakeTie({ wins: false });
  assert.equal(tie.outgoing(packet(1), 0), false);
  assert.equal(tie.incoming(packet(1), HOLD - 1), true);
  assert.equal(tie.due(HOLD), null);
  assert.equal(tie.outgoing(packet(1), 5000), false);
  assert.equal(tie.nextDeadline(), 5000 + HOLD);
  assert.equal(tie.due(5000 + HOLD - 1), null);
  assert.deepEqual(tie.due(5000 + HOLD), packet(1));
  assert.equal(tie.due(9999), null);
});

Deno.test("HandshakeTie: the smaller end drops what crosses its own, until that is answered or lost", () => {
  const tie = new HandshakeTie({ wins: true });
  assert.equal(tie.incoming(packet(1), 0), true);
  assert.equal(tie.outgoing(packet(1), 10), true);
  assert.equal(tie.incoming(packet(1), 10 + UNDER_WAY - 1), false);
  assert.equal(tie.incoming(packet(1), 10 + UNDER_WAY), true);
  tie.outgoing(packet(1), 5000);
  assert.equal(tie.incoming(packet(2), 5001), true);
  assert.equal(tie.incoming(packet(1), 5002), true, "after the answer a new initiation is a new handshake");
});

Deno.test("HandshakeTie: whenever both begin, one handshake completes at once", () => {
  // A model of WireGuard's rule: consuming an initiation replaces one's own; a response counts only for one's own.
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 120 }),
      (a, b, delay) => {
        const ends = [true, false].map((wins, i) => ({
          tie: new HandshakeTie({ wins }),
          at: [a, b][i]!,
          own: false,
          done: false,
        }));
        const wire: { to: number; at: number; type: number }[] = [];
        const send = (from: number, type: number, now: number) =>
          void wire.push({ to: 1 - from, at: now + delay, type });
        for (let now = 0; now < 2000; now++) {
          ends.forEach((end, i) => {
            // WireGuard begins only when it has not answered somebody else's beginning already.
            if (end.at === now && !end.done) {
              end.own = true;
              if (end.tie.outgoing(packet(1), now)) send(i, 1, now);
            }
            if (end.tie.due(now)) send(i, 1, now);
          });
          for (const m of wire.filter((w) => w.at === now)) {
            const end = ends[m.to]!;
            if (!end.tie.incoming(packet(m.type), now)) continue;
            if (m.type === 1) {
              end.own = false;
              end.done = true; // it answers, and has keys
              send(m.to, 2, now);
            } else if (end.own) end.done = true;
          }
        }
        assert.ok(ends.every((end) => end.done));
      },
    ),
  );
});
