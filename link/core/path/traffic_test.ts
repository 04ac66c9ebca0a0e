import assert from "node:assert/strict";
import { Traffic } from "./traffic.ts";

/** Reads [second, received, sent] one after the other; the seconds at which it told of either. */
function seen(readings: [number, number, number][]): { busy: number[]; heard: number[] } {
  const traffic = new Traffic();
  const all = readings.map(([s, rxBytes, txBytes]) => ({ s, ...traffic.read({ rxBytes, txBytes }, s * 1_000) }));
  return { busy: all.filter((r) => r.busy).map(({ s }) => s), heard: all.filter((r) => r.heard).map(({ s }) => s) };
}

Deno.test("Traffic is busy while more than handshakes and keepalives is sent, and fifteen seconds longer", () => {
  assert.deepEqual(seen([[0, 0, 0], [10, 0, 180], [20, 0, 1_000], [30, 0, 1_032], [40, 0, 1_064]]).busy, [20, 30]);
});

Deno.test("Traffic adds up what is sent between quick looks, and never keepalives over minutes", () => {
  const quick = Array.from({ length: 10 }, (_, i): [number, number, number] => [i / 2, 0, i * 64]);
  assert.deepEqual(seen(quick).busy, [2.5, 3, 3.5, 4, 4.5]);
  const slow = Array.from({ length: 60 }, (_, i): [number, number, number] => [i * 10, 0, i * 40]);
  assert.deepEqual(seen(slow).busy, []);
});

Deno.test("Traffic is not confused by the counters of a device that was made anew", () => {
  assert.deepEqual(seen([[0, 9_000, 9_000], [10, 0, 0], [20, 0, 100]]), { busy: [], heard: [] });
});

Deno.test("Traffic hears the peer only when it has looked a moment ago", () => {
  assert.deepEqual(seen([[0, 0, 0], [10, 500, 0], [10.3, 500, 0], [10.6, 532, 0], [20, 900, 0]]).heard, [10.6]);
});

Deno.test("Traffic: a peer is used from the first packet that crosses this process, or that counters show, never for keepalives", () => {
  const traffic = new Traffic();
  const packet = (type: number, length: number) => traffic.packet(new Uint8Array(length).fill(type, 0, 1), 1_000);
  packet(1, 148);
  packet(4, 32);
  assert.equal(traffic.used(1_000), false);
  packet(4, 48);
  assert.deepEqual([1_000, 15_999, 16_000].map((now) => traffic.used(now)), [true, true, false]);
  for (const txBytes of [0, 1_000]) traffic.read({ rxBytes: 0, txBytes }, 20_000);
  assert.equal(traffic.used(20_000), true);
});
