import assert from "node:assert/strict";
import { HandshakePost, mayGoBySignal } from "./post.ts";

const packet = (type: number, length: number) => new Uint8Array(length).fill(type, 0, 1);
const INITIATION = packet(1, 148);
const RESPONSE = packet(2, 92);
const EMPTY = packet(4, 32);

Deno.test("mayGoBySignal() knows WireGuard's handshake by kind and length, and no data", () => {
  for (const good of [INITIATION, RESPONSE, EMPTY]) assert.ok(mayGoBySignal(good));
  for (const bad of [packet(1, 147), packet(2, 148), packet(3, 64), packet(4, 48), packet(0, 32), new Uint8Array()]) {
    assert.ok(!mayGoBySignal(bad), `${bad[0]} of ${bad.length}`);
  }
});

Deno.test("HandshakePost writes only to who was heard of lately", () => {
  const post = new HandshakePost();
  assert.equal(post.take(INITIATION, 0), false);
  post.heard(1_000);
  assert.equal(post.take(INITIATION, 10_999), true);
  assert.equal(post.take(INITIATION, 11_000), false);
});

Deno.test("HandshakePost confirms an answer that came by signal once, and sends no other data", () => {
  const post = new HandshakePost();
  post.heard(0);
  assert.equal(post.take(EMPTY, 0), false);
  assert.equal(post.came(RESPONSE, 1), true);
  assert.deepEqual([post.take(EMPTY, 2), post.take(EMPTY, 2)], [true, false]);
  assert.equal(post.came(packet(4, 1_000), 3), false);
});

Deno.test("HandshakePost bounds what an end that asks again and again makes this one send", () => {
  const post = new HandshakePost();
  let sent = 0;
  for (let now = 0; now < 59_000; now += 100) {
    assert.ok(post.came(INITIATION, now));
    if (post.take(RESPONSE, now)) sent++;
  }
  assert.equal(sent, 6);
  post.heard(61_000);
  assert.equal(post.take(RESPONSE, 61_000), true);
});
