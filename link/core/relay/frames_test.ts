import assert from "node:assert/strict";
import { FRAME_HEADER, FRAME_PACKET, MAX_PACKET } from "../../../mesh/wire/gate_session.ts";
import { toBase32 } from "../../../mesh/wire/encoding.ts";
import { FrameReader, FrameWriter } from "./frames.ts";

const id = (n: number) => toBase32(Uint8Array.from({ length: 16 }, (_, i) => i < 4 ? n : n + i));
const packet = (size: number, seed = 0) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed) & 0xff);

function written(writer: FrameWriter, to: string, o: { packet: Uint8Array; max: number }): Uint8Array[] {
  const frames: Uint8Array[] = [];
  writer.write(to, o, (frame) => frames.push(frame));
  return frames;
}

Deno.test("FrameWriter and FrameReader: what fits travels whole, what does not in two that join in either order", () => {
  const writer = new FrameWriter(), reader = new FrameReader();
  for (const size of [1, 2, 96, 1_145, 1_146, 1_312, MAX_PACKET]) {
    const sent = packet(size, size);
    const frames = written(writer, id(5), { packet: sent, max: 1_162 });
    assert.equal(frames.length, size + FRAME_HEADER <= 1_162 ? 1 : 2);
    for (const frame of frames) assert.ok(frame.length <= 1_162);
    for (const order of [frames, frames.toReversed()]) {
      const got = order.map((frame) => reader.read(frame)).filter((one) => one !== null);
      assert.deepEqual(got, [{ from: id(5), packet: sent }]);
    }
  }
});

Deno.test("FrameWriter: frames stay as they were written while later ones are", () => {
  const writer = new FrameWriter();
  const frames = Array.from(
    { length: 500 },
    (_, i) => written(writer, id(i % 3), { packet: packet(1_312, i), max: 1_414 })[0]!,
  );
  const reader = new FrameReader();
  for (const [i, frame] of frames.entries()) {
    assert.deepEqual(reader.read(frame), { from: id(i % 3), packet: packet(1_312, i) });
  }
});

Deno.test("FrameWriter drops a packet that no frame may carry", () => {
  assert.deepEqual(written(new FrameWriter(), id(1), { packet: packet(MAX_PACKET + 1), max: 9_000 }), []);
});

Deno.test("FrameReader tells senders apart whose ids begin alike", () => {
  const reader = new FrameReader();
  const frame = (last: number) => Uint8Array.from([FRAME_PACKET, ...new Array(15).fill(9), last, 42]);
  const from = [1, 2, 1, 2].map((last) => reader.read(frame(last))!.from);
  assert.deepEqual(from, [1, 2, 1, 2].map((last) => toBase32(Uint8Array.from([...new Array(15).fill(9), last]))));
});

Deno.test("FrameReader: halves of different packets or senders never join, and the oldest wait is given up", () => {
  const halves = (n: number, writer = new FrameWriter()) =>
    written(writer, id(n), { packet: packet(1_312, n), max: 700 });
  const reader = new FrameReader();
  const [one, two] = [halves(1), halves(2)];
  assert.equal(reader.read(one[0]!), null);
  assert.equal(reader.read(two[1]!), null);
  assert.deepEqual(reader.read(one[1]!), { from: id(1), packet: packet(1_312, 1) });
  const lost = halves(3);
  assert.equal(reader.read(lost[0]!), null);
  const writer = new FrameWriter();
  for (let i = 0; i < 64; i++) assert.equal(reader.read(halves(4, writer)[0]!), null);
  assert.equal(reader.read(lost[1]!), null);
});

Deno.test("FrameReader reads nothing from what is no frame", () => {
  const reader = new FrameReader();
  for (
    const bytes of [[], [FRAME_PACKET], new Array(16).fill(1), [9, ...new Array(40).fill(1)], [
      2,
      ...new Array(17).fill(1),
    ]]
  ) {
    assert.equal(reader.read(Uint8Array.from(bytes)), null);
  }
});
