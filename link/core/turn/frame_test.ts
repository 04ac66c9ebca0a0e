import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeStun } from "../../../mesh/wire/stun/mod.ts";
import { decodeChannelData, encodeChannelData, MAX_FRAME, TurnStream } from "./frame.ts";

const STUN = encodeStun({ class: "request", transaction: new Uint8Array(12), fields: [], fingerprint: true });

Deno.test("channel data is padded over streams only, and read either way", () => {
  const data = Uint8Array.of(1, 2, 3, 4, 5);
  assert.equal(encodeChannelData(0x4001, data, { stream: false }).length, 9);
  const padded = encodeChannelData(0x4001, data, { stream: true });
  assert.equal(padded.length, 12);
  assert.deepEqual([...padded.subarray(0, 4)], [0x40, 0x01, 0, 5]);
  assert.deepEqual(decodeChannelData(padded), { channel: 0x4001, data });
  assert.equal(decodeChannelData(padded.subarray(0, 8)), null);
  assert.equal(decodeChannelData(STUN), null);
  assert.equal(decodeChannelData(Uint8Array.of(0x50, 0, 0, 0)), null);
});

Deno.test("TurnStream gives back what was sent, however the stream is cut", () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 1500 }).map((data) => encodeChannelData(0x4000, data, { stream: true })),
    fc.constant(STUN),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 700 })), (all, cuts) => {
      const bytes = Uint8Array.from(all.flatMap((m) => [...m]));
      const stream = new TurnStream();
      const got: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const end = at + (cuts[i % Math.max(1, cuts.length)] ?? bytes.length);
        got.push(...stream.push(bytes.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(got, all);
    }),
  );
});

Deno.test("TurnStream skips what is too long and goes on behind it", () => {
  const stream = new TurnStream();
  const long = encodeChannelData(0x4000, new Uint8Array(60_001), { stream: true });
  const short = encodeChannelData(0x4000, Uint8Array.of(7), { stream: true });
  const whole = encodeChannelData(0x4000, new Uint8Array(MAX_FRAME - 4), { stream: true });
  const got = [];
  for (const part of [short, long, short, whole, long]) {
    for (let at = 0; at < part.length; at += 999) got.push(...stream.push(part.subarray(at, at + 999)));
  }
  assert.deepEqual(got, [short, short, whole]);
});

Deno.test("TurnStream refuses what is no TURN", () => {
  assert.throws(() => new TurnStream().push(new TextEncoder().encode("SSH-2.0-OpenSSH\r\n")), /Not a TURN message/);
  assert.throws(() => new TurnStream().push(Uint8Array.of(0, 1, 0, 3)), /Not a TURN message/);
});
