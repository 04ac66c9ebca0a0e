import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { GhostError } from "../errors.ts";
import { utf8 } from "../encoding.ts";
import vectors from "./testdata/rfc5769.json" with { type: "json" };
import { seeded, testCrypto } from "./testdata/crypto.ts";
import {
  decodeStun,
  encodeStun,
  ERROR_CODE,
  field,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  isStun,
  MAPPED_ADDRESS,
  NOMINATION,
  PRIORITY,
  read,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  USE_CANDIDATE,
  USERNAME,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
} from "./mod.ts";

const crypto = testCrypto(seeded(1));
const hex = (text: string) => Uint8Array.from(text.match(/../g)!, (byte) => parseInt(byte, 16));
const refused = (fn: () => unknown) =>
  assert.throws(fn, (error: unknown) => error instanceof GhostError && error.code === "bad_input");

Deno.test("decodeStun() reads the sample request of RFC 5769", () => {
  const message = decodeStun(hex(vectors.request.hex));
  assert.equal(message.class, "request");
  assert.equal(message.method, 1);
  assert.equal(read(message, USERNAME), "evtj:h6vY");
  assert.equal(read(message, PRIORITY), 0x6e0001ff);
  assert.equal(read(message, ICE_CONTROLLED), 0x932ff9b151263b36n);
  assert.equal(read(message, ICE_CONTROLLING), undefined);
  assert.equal(verifyIntegrity(message, { key: utf8(vectors.request.password), crypto }), "sha1");
  assert.equal(verifyIntegrity(message, { key: utf8("VOkJxbRl1RmTxUk/WvJxBu"), crypto }), null);
  assert.deepEqual(unknownRequired(message), []);
});

for (
  const [name, vector, address] of [
    ["IPv4", vectors.responseIpv4, "192.0.2.1"],
    ["IPv6", vectors.responseIpv6, "2001:db8:1234:5678:11:2233:4455:6677"],
  ] as const
) {
  Deno.test(`decodeStun() reads the sample ${name} response of RFC 5769`, () => {
    const message = decodeStun(hex(vector.hex));
    assert.equal(message.class, "success");
    assert.deepEqual(read(message, XOR_MAPPED_ADDRESS), { address, port: 32853 });
    assert.equal(verifyIntegrity(message, { key: utf8(vector.password), crypto }), "sha1");
  });
}

for (const [name, vector] of [["SHA-1", vectors.longTerm], ["SHA-256", vectors.longTermSha256]] as const) {
  Deno.test(`decodeStun() and encodeStun() agree with the long-term sample (${name})`, () => {
    const bytes = hex(vector.hex);
    const message = decodeStun(bytes);
    const key = new Uint8Array(createHash(vector.keyHash).update(vector.keyText).digest());
    const algorithm = name === "SHA-1" ? "sha1" : "sha256";
    assert.equal(verifyIntegrity(message, { key, crypto }), algorithm);
    const again = encodeStun({
      class: "request",
      transaction: message.transaction,
      fields: message.attributes.slice(0, -1).map(({ type, value }) => () => ({ type, value })),
      integrity: { key, crypto, algorithm },
    });
    assert.deepEqual(again, bytes);
  });
}

Deno.test("unknownRequired() names what a plain agent does not understand", () => {
  assert.deepEqual(unknownRequired(decodeStun(hex(vectors.longTerm.hex))), [0x15, 0x14]);
});

Deno.test("encodeStun() writes what decodeStun() reads, for every class and attribute", () => {
  const port = fc.integer({ min: 1, max: 65535 });
  const address = fc.oneof(fc.ipV4(), fc.constantFrom("2001:db8::1", "fd00:1:2:3:4:5:6:7", "::1"));
  fc.assert(fc.property(
    fc.constantFrom("request", "indication", "success", "error"),
    fc.integer({ min: 0, max: 0xfff }),
    fc.record({ address, port }, { noNullPrototype: true }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.integer({ min: 300, max: 699 }),
    fc.string({ maxLength: 100 }),
    fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    fc.constantFrom("sha1" as const, "sha256" as const),
    (kind, method, at, tie, code, text, number, algorithm) => {
      const key = utf8("secret");
      const transaction = crypto.random(12);
      const message = decodeStun(encodeStun({
        class: kind,
        method,
        transaction,
        fields: [
          field(MAPPED_ADDRESS, at),
          field(XOR_MAPPED_ADDRESS, at),
          field(USERNAME, text),
          field(ERROR_CODE, { code, reason: text }),
          field(UNKNOWN_ATTRIBUTES, [1, number & 0xffff]),
          field(PRIORITY, number),
          field(USE_CANDIDATE, true),
          field(NOMINATION, number),
          field(ICE_CONTROLLING, tie),
          field(ICE_CONTROLLED, tie),
        ],
        integrity: { key, crypto, algorithm },
        fingerprint: true,
      }));
      assert.equal(message.class, kind);
      assert.equal(message.method, method);
      assert.deepEqual(message.transaction, transaction);
      assert.deepEqual(read(message, MAPPED_ADDRESS), at);
      assert.deepEqual(read(message, XOR_MAPPED_ADDRESS), at);
      assert.equal(read(message, USERNAME), text);
      assert.deepEqual(read(message, ERROR_CODE), { code, reason: text });
      assert.deepEqual(read(message, UNKNOWN_ATTRIBUTES), [1, number & 0xffff]);
      assert.equal(read(message, PRIORITY), number);
      assert.equal(read(message, USE_CANDIDATE), true);
      assert.equal(read(message, NOMINATION), number);
      assert.equal(read(message, ICE_CONTROLLING), tie);
      assert.equal(read(message, ICE_CONTROLLED), tie);
      assert.equal(verifyIntegrity(message, { key, crypto }), algorithm);
      assert.equal(verifyIntegrity(message, { key: utf8("other"), crypto }), null);
    },
  ));
});

Deno.test("decodeStun() throws nothing but GhostError, whatever comes", () => {
  const samples = Object.values(vectors).flatMap((v) => typeof v === "string" ? [] : [hex(v.hex)]);
  const attributes = [MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, USERNAME, ERROR_CODE, UNKNOWN_ATTRIBUTES, PRIORITY];
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { maxLength: 8 }),
      fc.nat(160),
      (sample, changes, cut) => {
        const bytes = sample.slice(0, Math.max(20, sample.length - (cut % 3 === 0 ? cut : 0)));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const message = decodeStun(bytes);
          for (const attribute of attributes) {
            try {
              read<unknown>(message, attribute);
            } catch (error) {
              assert.ok(error instanceof GhostError);
            }
          }
          verifyIntegrity(message, { key: utf8("x"), crypto });
        } catch (error) {
          assert.ok(error instanceof GhostError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("decodeStun() refuses wrong lengths, overruns, a wrong or misplaced FINGERPRINT", () => {
  const good = hex(vectors.request.hex);
  for (let length = 0; length < good.length; length++) refused(() => decodeStun(good.slice(0, length)));
  refused(() => decodeStun(Uint8Array.from([...good, 0, 0, 0, 0])));
  for (const at of [0, 1, 2, 3, 4, 22, 23, 30, 104]) {
    const bytes = good.slice();
    bytes[at]! ^= 0x80;
    refused(() => decodeStun(bytes));
  }
  const transaction = new Uint8Array(12);
  const misplaced = encodeStun({
    class: "request",
    transaction,
    fields: [() => ({ type: 0x8028, value: new Uint8Array(4) }), field(USE_CANDIDATE, true)],
  });
  refused(() => decodeStun(misplaced));
  refused(() =>
    decodeStun(encodeStun({ class: "request", transaction, fields: Array(33).fill(field(USE_CANDIDATE, true)) }))
  );
});

Deno.test("decodeStun() leaves out what MESSAGE-INTEGRITY does not cover", () => {
  const key = utf8("k");
  const transaction = new Uint8Array(12);
  const signed = encodeStun({ class: "request", transaction, fields: [], integrity: { key, crypto } });
  const extra = encodeStun({ class: "request", transaction, fields: [field(USE_CANDIDATE, true)] }).slice(20);
  const bytes = Uint8Array.from([...signed, ...extra]);
  bytes[3] = bytes.length - 20;
  const message = decodeStun(bytes);
  assert.equal(verifyIntegrity(message, { key, crypto }), "sha1");
  assert.equal(read(message, USE_CANDIDATE), undefined);
});

Deno.test("read() refuses values out of range and mapped addresses", () => {
  const message = (type: number, value: number[]) =>
    decodeStun(encodeStun({
      class: "request",
      transaction: new Uint8Array(12),
      fields: [() => ({ type, value: Uint8Array.from(value) })],
    }));
  refused(() => read(message(0x24, [0, 0, 0, 0]), PRIORITY));
  refused(() => read(message(0x24, [0xff, 0, 0, 0]), PRIORITY));
  refused(() => read(message(0x24, [1, 2, 3]), PRIORITY));
  refused(() => read(message(0x25, [1]), USE_CANDIDATE));
  refused(() => read(message(0x01, [0, 3, 0, 1, 1, 2, 3, 4]), MAPPED_ADDRESS));
  refused(() => read(message(0x01, [0, 1, 0, 1, 1, 2, 3, 4, 5, 6]), MAPPED_ADDRESS));
  refused(() => read(message(0x01, [0, 2, 0, 1, ...Array(10).fill(0), 0xff, 0xff, 1, 2, 3, 4]), MAPPED_ADDRESS));
  refused(() => read(message(0x09, [0, 0, 2, 0]), ERROR_CODE));
  refused(() => read(message(0x09, [0, 0, 4, 100]), ERROR_CODE));
  refused(() => read(message(0x0a, [1]), UNKNOWN_ATTRIBUTES));
  refused(() => read(message(0x06, Array(509).fill(65)), USERNAME));
  refused(() => read(message(0x06, [0xff]), USERNAME));
});

Deno.test("isStun() tells STUN from WireGuard and QUIC", () => {
  assert.equal(isStun(hex(vectors.request.hex)), true);
  assert.equal(isStun(Uint8Array.from([4, 0, 0, 0, ...Array(28).fill(7)])), false);
  assert.equal(isStun(Uint8Array.from([0xc0, ...Array(1199).fill(7)])), false);
  assert.equal(isStun(new Uint8Array(0)), false);
});
