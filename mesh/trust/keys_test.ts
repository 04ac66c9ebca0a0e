import assert from "node:assert/strict";
import fc from "fast-check";
import { type Bytes, fromBase64Url, toBase64Url } from "../wire/encoding.ts";
import {
  boxKeyFromSeed,
  checkBoxKey,
  checkSigningKey,
  fromWgKey,
  hashOf,
  nodeIdOf,
  signingKeyFromSeed,
  toWgKey,
} from "./keys.ts";
import { ghost } from "./testdata/assert.ts";

function hex(text: string): Bytes {
  return new Uint8Array(text.match(/../g)!.map((byte) => parseInt(byte, 16)));
}

/** Keys that the platform takes though signatures under them prove nothing, or that are a second spelling of another. */
const UNSAFE_ED25519 = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

const BOB = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
const BOB_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

Deno.test("signingKeyFromSeed() follows RFC 8032 section 7.1, test 1", async () => {
  const key = await signingKeyFromSeed(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  const expected = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  assert.deepEqual(fromBase64Url(key.public), expected);
});

Deno.test("boxKeyFromSeed() follows RFC 7748 section 6.1 and clamps as wg does", async () => {
  const key = await boxKeyFromSeed(hex(BOB));
  assert.deepEqual(fromBase64Url(key.public), hex(BOB_PUBLIC));
  const bytes = fromBase64Url(key.private);
  assert.equal(bytes[0]! & 7, 0);
  assert.equal(bytes[31]! & 0xc0, 0x40);
  assert.deepEqual(await boxKeyFromSeed(bytes), key);
});

Deno.test("checkSigningKey() refuses keys of small order and second spellings", async () => {
  for (const key of UNSAFE_ED25519) {
    assert.throws(() => checkSigningKey(toBase64Url(hex(key)), "key"), ghost("bad_signature", /^key: Unsafe/), key);
  }
  checkSigningKey((await signingKeyFromSeed(new Uint8Array(32))).public, "key");
});

Deno.test("checkSigningKey() is needed: the platform takes a signature that anybody can make", async () => {
  const signature = new Uint8Array(64);
  signature[0] = 1;
  const key = await crypto.subtle.importKey("raw", hex(UNSAFE_ED25519[0]!), "Ed25519", true, ["verify"]);
  assert.equal(await crypto.subtle.verify("Ed25519", key, signature, new Uint8Array(3)), true);
});

Deno.test("checkBoxKey() refuses keys of small order and second spellings", async () => {
  const unsafe = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0900000000000000000000000000000000000000000000000000000000000080",
  ];
  for (const key of unsafe) {
    assert.throws(() => checkBoxKey(toBase64Url(hex(key)), "wg"), ghost("bad_record", /^wg: Unsafe/), key);
  }
  checkBoxKey((await boxKeyFromSeed(new Uint8Array(32))).public, "wg");
});

Deno.test("toWgKey() and fromWgKey() are inverse; other spellings are refused", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const key = toBase64Url(bytes);
    const wg = toWgKey(key);
    assert.equal(wg.length, 44);
    assert.equal(fromWgKey(wg), key);
    assert.throws(() => fromWgKey(wg.slice(0, 43)), ghost("bad_input"));
  }));
  for (const text of ["", "AAAA", "not base64!", " ".repeat(44), "A".repeat(42) + "B="]) {
    assert.throws(() => fromWgKey(text), ghost("bad_input", /^key: Not a WireGuard key/));
  }
  assert.throws(() => toWgKey("AAAA"), ghost("bad_input"));
});

Deno.test("nodeIdOf() and hashOf() take canonical keys only", async () => {
  const { public: key } = await signingKeyFromSeed(new Uint8Array(32));
  assert.match(await nodeIdOf(key), /^[a-z2-7]{26}$/);
  assert.equal(await hashOf(""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
  for (const bad of ["", key + "=", key.slice(1), "AAAA", key.slice(0, 42) + "B"]) {
    await assert.rejects(nodeIdOf(bad), ghost("bad_input", /^identity key: /));
  }
});
