import assert from "node:assert/strict";
import fc from "fast-check";
import { concat, toBase64Url, utf8 } from "./encoding.ts";
import { GhostError } from "./errors.ts";
import {
  ControlReader,
  encodeControl,
  FRAME_HEADER,
  FRAME_PACKET,
  frameNodeId,
  fromGate,
  type FromNode,
  fromNode,
  MAX_CONTROL,
  nodeIdBytes,
} from "./gate_session.ts";

const key = toBase64Url(new Uint8Array(32).fill(5));
const id = "vp6twra5g27pex5lymsfdinq6m";
const messages: FromNode[] = [
  { t: "hello", net: "75bstdedvccig5ujq73c6352uqjt43oz", key, nonce: key },
  { t: "auth", record: "a.b.c", proof: "d.e.f", head: { seq: 3, hash: key } },
  { t: "signal", to: id, box: "é".repeat(100) },
  { t: "watch", nodes: [id] },
  { t: "watch", nodes: [] },
  { t: "ping", n: 1 },
  { t: "pong", n: Number.MAX_SAFE_INTEGER },
];

function framed(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + body.length);
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
}

function is(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof GhostError);
    assert.equal(error.code, code, error.line);
    return true;
  };
}

Deno.test("ControlReader gives the same messages wherever the stream is split", () => {
  const stream = concat(messages.map(encodeControl));
  for (let at = 0; at <= stream.length; at++) {
    const reader = new ControlReader(fromNode);
    const out = [...reader.push(stream.subarray(0, at)), ...reader.push(stream.subarray(at))];
    assert.deepEqual(out, messages);
  }
  const reader = new ControlReader(fromNode);
  assert.deepEqual([...stream].flatMap((byte) => reader.push(new Uint8Array([byte]))), messages);
});

Deno.test("ControlReader gives the same messages in any chunks", () => {
  const stream = concat(messages.map(encodeControl));
  fc.assert(fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
    const reader = new ControlReader(fromNode);
    const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
    const out = at.slice(1).flatMap((end, i) => reader.push(stream.subarray(at[i], end)));
    assert.deepEqual(out, messages);
  }));
});

Deno.test("ControlReader does not keep the caller's buffer", () => {
  const reader = new ControlReader(fromNode);
  const bytes = encodeControl(messages[5]!);
  const chunk = bytes.slice(0, 6);
  reader.push(chunk);
  chunk.fill(0);
  assert.deepEqual(reader.push(bytes.subarray(6)), [messages[5]]);
});

Deno.test("ControlReader refuses a message that is too long as soon as it hears of it", () => {
  const header = new Uint8Array(4);
  new DataView(header.buffer).setUint32(0, MAX_CONTROL + 1);
  assert.throws(() => new ControlReader(fromNode).push(header), is("too_large"));
  new DataView(header.buffer).setUint32(0, 0xffffffff);
  assert.throws(() => new ControlReader(fromNode).push(header), is("too_large"));
  new DataView(header.buffer).setUint32(0, MAX_CONTROL);
  assert.deepEqual(new ControlReader(fromNode).push(header), []);
});

Deno.test("ControlReader refuses what is no message, and messages of the other side", () => {
  const bodies = [
    "",
    "{}",
    "[]",
    "null",
    "{",
    '{"t":"ping"}',
    '{"t":"ping","n":-1}',
    '{"t":"ping","n":1,"x":2}',
    '{"t":"presence","node":"vp6twra5g27pex5lymsfdinq6m","up":true}',
    '{"t":"signal","to":"../../etc","box":""}',
    `{"t":"watch","nodes":${JSON.stringify(new Array(2001).fill(id))}}`,
  ];
  for (const body of bodies) {
    assert.throws(() => new ControlReader(fromNode).push(framed(utf8(body))), is("bad_input"), body.slice(0, 80));
  }
  assert.throws(() => new ControlReader(fromNode).push(framed(new Uint8Array([0xff]))), is("bad_input"));
  assert.throws(() => new ControlReader(fromGate).push(encodeControl(messages[0]!)), is("bad_input"));
});

Deno.test("ControlReader throws nothing but GhostErrors", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
    const reader = new ControlReader(fromNode);
    try {
      for (const chunk of chunks) reader.push(chunk);
    } catch (error) {
      assert.ok(error instanceof GhostError);
    }
  }));
});

Deno.test("encodeControl() refuses what no reader would take", () => {
  assert.throws(() => encodeControl({ t: "signal", to: id, box: "x".repeat(MAX_CONTROL) }), is("too_large"));
});

Deno.test("frameNodeId() reads the id that nodeIdBytes() wrote", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const frame = new Uint8Array(FRAME_HEADER + 3);
    frame[0] = FRAME_PACKET;
    frame.set(bytes, 1);
    assert.deepEqual(nodeIdBytes(frameNodeId(frame)), new Uint8Array(bytes));
  }));
  assert.throws(() => nodeIdBytes("not an id"), is("bad_input"));
});

Deno.test("ControlReader copies a message that trickles in byte by byte a few times, not once a byte", () => {
  const stream = encodeControl({ t: "watch", nodes: Array(2000).fill(id) });
  const copied = { bytes: 0 };
  const set = Uint8Array.prototype.set;
  Uint8Array.prototype.set = function (from, at) {
    copied.bytes += from.length;
    set.call(this, from, at);
  };
  try {
    const reader = new ControlReader(fromNode);
    const out = [...stream].flatMap((byte) => reader.push(new Uint8Array([byte])));
    assert.equal(out.length, 1);
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert.ok(copied.bytes < 8 * stream.length, `${copied.bytes} bytes for ${stream.length}`);
});
