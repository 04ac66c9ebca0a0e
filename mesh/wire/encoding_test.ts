import assert from "node:assert/strict";
import fc from "fast-check";
import { GhostError } from "./errors.ts";
import {
  concat,
  equalBytes,
  fromBase32,
  fromBase64Url,
  fromUtf8,
  parseJson,
  toBase32,
  toBase64Url,
  utf8,
} from "./encoding.ts";

function isBadInput(place: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof GhostError);
    assert.equal(error.code, "bad_input");
    assert.equal(error.place, place);
    return true;
  };
}

Deno.test("base64url follows RFC 4648 section 10, without padding", () => {
  const vectors = [["", ""], ["f", "Zg"], ["fo", "Zm8"], ["foo", "Zm9v"], ["foob", "Zm9vYg"], ["fooba", "Zm9vYmE"]];
  for (const [text, encoded] of [...vectors, ["foobar", "Zm9vYmFy"]] as [string, string][]) {
    assert.equal(toBase64Url(utf8(text)), encoded);
    assert.equal(fromUtf8(fromBase64Url(encoded)), text);
  }
  assert.equal(toBase64Url(new Uint8Array([0xfb, 0xff])), "-_8");
});

Deno.test("base32 follows RFC 4648 section 10, in lower case and without padding", () => {
  const vectors = [["", ""], ["f", "my"], ["fo", "mzxq"], ["foo", "mzxw6"], ["foob", "mzxw6yq"], ["fooba", "mzxw6ytb"]];
  for (const [text, encoded] of [...vectors, ["foobar", "mzxw6ytboi"]] as [string, string][]) {
    assert.equal(toBase32(utf8(text)), encoded);
    assert.equal(fromUtf8(fromBase32(encoded)), text);
  }
});

Deno.test("fromBase64Url() and fromBase32() are the inverse of their encoders", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), new Uint8Array(bytes));
    assert.deepEqual(fromBase32(toBase32(bytes)), new Uint8Array(bytes));
  }));
});

Deno.test("fromBase64Url() gives each value one spelling", () => {
  for (const text of ["Zg==", "Zh", "Zm9", "Z", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9vé", "====", "Zm 9v"]) {
    assert.throws(() => fromBase64Url(text, "here"), isBadInput("here"), text);
  }
  fc.assert(fc.property(fc.string({ maxLength: 12 }), (text) => {
    try {
      assert.equal(toBase64Url(fromBase64Url(text)), text);
    } catch (error) {
      isBadInput("base64url")(error);
    }
  }));
});

Deno.test("fromBase32() gives each value one spelling", () => {
  for (const text of ["MY", "my======", "mz", "m", "m1", "m8", "mzxw6 ", "mzxw6é"]) {
    assert.throws(() => fromBase32(text, "here"), isBadInput("here"), text);
  }
  fc.assert(fc.property(fc.string({ maxLength: 12 }), (text) => {
    try {
      assert.equal(toBase32(fromBase32(text)), text);
    } catch (error) {
      isBadInput("base32")(error);
    }
  }));
});

Deno.test("fromUtf8() refuses what is not UTF-8", () => {
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    assert.throws(() => fromUtf8(new Uint8Array(bytes), "here"), isBadInput("here"));
  }
  assert.equal(fromUtf8(utf8("ünïcode ✓")), "ünïcode ✓");
});

Deno.test("parseJson() bounds the text and names the place", () => {
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  assert.throws(() => parseJson("{", { place: "body" }), isBadInput("body"));
  assert.throws(() => parseJson('"12345678"', { max: 9 }), (e) => e instanceof GhostError && e.code === "too_large");
  assert.equal(parseJson('"12345678"', { max: 10 }), "12345678");
});

Deno.test("concat() puts parts one behind another", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 8 })), (parts) => {
    assert.deepEqual([...concat(parts)], parts.flatMap((part) => [...part]));
  }));
});

Deno.test("equalBytes() is equality", () => {
  const bytes = fc.uint8Array({ maxLength: 6, max: 2 });
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert.equal(equalBytes(a, b), a.length === b.length && a.every((byte, i) => byte === b[i]));
    assert.ok(equalBytes(a, new Uint8Array(a)));
  }));
  assert.ok(!equalBytes(new Uint8Array([1, 1]), new Uint8Array([1])));
  assert.ok(!equalBytes(new Uint8Array([0]), new Uint8Array()));
});
