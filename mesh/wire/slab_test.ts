import assert from "node:assert/strict";
import { SLAB, Slab } from "./slab.ts";

Deno.test("Slab gives no byte out twice, over many slabs", () => {
  const slab = new Slab();
  const pieces = Array.from({ length: 3_000 }, (_, i) => slab.take(i % 1_500).fill(i & 0xff));
  for (const [i, piece] of pieces.entries()) {
    assert.equal(piece.length, i % 1_500);
    assert.ok(piece.every((byte) => byte === (i & 0xff)), `piece ${i} was written over`);
  }
});

Deno.test("Slab gives again what is not kept", () => {
  const slab = new Slab();
  const first = slab.room(1_000);
  slab.keep(10);
  const second = slab.room(1_000);
  assert.equal(second.buffer, first.buffer);
  assert.equal(second.byteOffset, first.byteOffset + 10);
});

Deno.test("Slab begins small, grows under use, and gives a piece larger than a slab", () => {
  const slab = new Slab();
  assert.ok(slab.take(100).buffer.byteLength <= 2_048);
  const large = Array.from({ length: 200 }, () => slab.take(1_400).buffer.byteLength);
  assert.equal(large.at(-1), SLAB);
  assert.equal(slab.take(2 * SLAB).length, 2 * SLAB);
});
