import assert from "node:assert/strict";
import { TunnelWatch } from "./tunnel_watch.ts";

/** Reads [second, received, sent] one after the other; the seconds at which the tunnel counted as dead. */
function dead(watch: TunnelWatch, readings: [number, number, number][]): number[] {
  return readings.filter(([s, rxBytes, txBytes]) => watch.read({ rxBytes, txBytes }, s * 1000)).map(([s]) => s);
}

Deno.test("TunnelWatch says so when data is sent and nothing comes back", () => {
  const readings: [number, number, number][] = [[0, 500, 500], [10, 500, 900], [20, 500, 1_300], [30, 500, 1_700]];
  assert.deepEqual(dead(new TunnelWatch(), readings), [30]);
});

Deno.test("TunnelWatch is content with any word of the peer, with silence and with keepalives", () => {
  const answered: [number, number, number][] = [[0, 0, 0], [10, 0, 900], [20, 32, 1_900], [30, 32, 2_900], [
    40,
    64,
    3_900,
  ]];
  assert.deepEqual(dead(new TunnelWatch(), answered), []);
  const silent: [number, number, number][] = [[0, 0, 0], [10, 0, 900], [20, 0, 900], [600, 0, 900]];
  assert.deepEqual(dead(new TunnelWatch(), silent), []);
});

Deno.test("TunnelWatch: the keepalives of one end alone never add up to data", () => {
  const watch = new TunnelWatch();
  // 32 bytes every 25 s; a new handshake every two minutes, which is answered.
  const readings = Array.from(
    { length: 12 },
    (_, i): [number, number, number] => [i * 10, 92, 148 + 32 * Math.floor(i / 2.5)],
  );
  assert.deepEqual(dead(watch, readings), []);
});

Deno.test("TunnelWatch begins anew on another path, and with another key", () => {
  const watch = new TunnelWatch();
  assert.deepEqual(dead(watch, [[0, 500, 500], [10, 500, 900], [20, 500, 1_300]]), []);
  watch.moved();
  assert.deepEqual(dead(watch, [[30, 500, 1_700], [40, 500, 2_100]]), []);
  assert.deepEqual(dead(watch, [[50, 0, 148], [60, 0, 296]]), []);
});
