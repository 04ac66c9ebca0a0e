import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import {
  decodeLaneAnswer,
  decodeLaneRequest,
  encodeLaneNonce,
  encodeLaneProved,
  encodeLaneRequest,
  type Hmac,
  isLaneControl,
  LANE_REQUEST_LENGTH,
  laneIntegrityHolds,
  laneTransaction,
} from "./lane.ts";

const hmac: Hmac = (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest());
const KEY = new Uint8Array(32).fill(7);
const NONCE = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
const TRANSACTION = laneTransaction(40_001, Uint8Array.of(1, 2, 3, 4, 5, 6));
const REQUEST = encodeLaneRequest({ end: 1, nonce: NONCE, transaction: TRANSACTION }, KEY, hmac);

Deno.test("encodeLaneRequest() lays a request out as the head of its file says, and gates' kernels look for", () => {
  const head = "00010040" + "2112a442" + "676d6c6e" + "9c41" + "010203040506";
  const body = "0006000131000000" + "00150010" + NONCE.toHex() + "001c0020";
  assert.equal(REQUEST.subarray(0, -32).toHex(), head + body);
  assert.deepEqual(REQUEST.slice(-32), hmac(KEY, REQUEST.subarray(0, -36)));
  assert.equal(REQUEST.length, LANE_REQUEST_LENGTH);
});

Deno.test("decodeLaneRequest() reads a request, and laneIntegrityHolds() tells by which token it is", () => {
  const { port, end, nonce, message } = decodeLaneRequest(REQUEST)!;
  assert.deepEqual({ port, end, nonce }, { port: 40_001, end: 1, nonce: NONCE });
  assert.equal(laneIntegrityHolds(message, KEY, hmac), true);
  assert.equal(laneIntegrityHolds(message, new Uint8Array(32), hmac), false);
});

Deno.test("decodeLaneRequest() refuses what is cut, longer, of no end, or no request", () => {
  for (let end = 0; end < REQUEST.length; end++) assert.equal(decodeLaneRequest(REQUEST.subarray(0, end)), null);
  assert.equal(decodeLaneRequest(Uint8Array.from([...REQUEST, 0, 0, 0, 0])), null);
  const change = (at: number, byte: number) => REQUEST.map((old, i) => i === at ? byte : old);
  for (const [at, byte] of [[0, 1], [4, 0], [8, 0], [24, 0x32], [23, 2], [29, 0x16], [31, 15]] as const) {
    assert.equal(decodeLaneRequest(change(at, byte)), null, `${byte} at ${at}`);
  }
  assert.equal(decodeLaneRequest(encodeLaneNonce({ nonce: NONCE, transaction: TRANSACTION }, KEY, hmac)), null);
});

Deno.test("decodeLaneAnswer() reads both answers by the right token only, and neither is longer than a request", () => {
  const address = { address: "2001:db8::1", port: 51_820 };
  const answers = [
    [encodeLaneNonce({ nonce: NONCE, transaction: TRANSACTION }, KEY, hmac), { kind: "nonce", nonce: NONCE }],
    [encodeLaneProved({ address, transaction: TRANSACTION }, KEY, hmac), { kind: "proved" }],
  ] as const;
  for (const [bytes, expected] of answers) {
    assert.ok(isLaneControl(bytes) && bytes.length <= LANE_REQUEST_LENGTH, `${bytes.length} bytes`);
    assert.deepEqual(decodeLaneAnswer(bytes, KEY, hmac), { ...expected, transaction: new Uint8Array(TRANSACTION) });
    assert.equal(decodeLaneAnswer(bytes, new Uint8Array(32), hmac), null);
    assert.equal(decodeLaneAnswer(bytes.map((byte, i) => i === 30 ? byte ^ 1 : byte), KEY, hmac), null);
  }
  assert.equal(decodeLaneAnswer(REQUEST, KEY, hmac), null);
});
