import assert from "node:assert/strict";
import fc from "fast-check";
import { toBase64Url, utf8 } from "./encoding.ts";
import { GhostError } from "./errors.ts";
import { decodeSetupCode, decodeToken, encodeSetupCode, encodeToken, type JoinToken } from "./token.ts";

const key = (byte: number) => toBase64Url(new Uint8Array(32).fill(byte));
const token: JoinToken = {
  server: "https://mesh.example.com:7777",
  ca: key(1),
  net: "75bstdedvccig5ujq73c6352uqjt43oz",
  head: { seq: 7, hash: key(2) },
  key: key(3),
};

/** The refusal must not tell what it refuses. */
function bad(code: string, secret: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof GhostError);
    assert.equal(error.code, code);
    assert.ok(error.mend);
    if (secret.length > 8) assert.ok(!error.line.includes(secret));
    return true;
  };
}

Deno.test("decodeToken() reads what encodeToken() wrote, with white space around it", () => {
  const text = encodeToken(token);
  assert.match(text, /^ghost1_[A-Za-z0-9_-]+$/);
  assert.ok(text.length < 500);
  assert.deepEqual(decodeToken(text), token);
  assert.deepEqual(decodeToken(`\n ${text} \n`), token);
  const { ca: _, ...plain } = token;
  assert.deepEqual(decodeToken(encodeToken(plain)), plain);
});

Deno.test("decodeToken() refuses every cut", () => {
  const text = encodeToken(token);
  for (let length = 0; length < text.length; length++) {
    assert.throws(() => decodeToken(text.slice(0, length)), bad("bad_token", text.slice(0, length)));
  }
});

Deno.test("decodeToken() refuses what is no token", () => {
  const pack = (value: unknown) => `ghost1_${toBase64Url(utf8(JSON.stringify(value)))}`;
  const wrong = [
    "setup1_AAAA",
    encodeToken(token).replace("ghost1_", "ghost2_"),
    encodeToken(token) + "=",
    `ghost1_${"A".repeat(5000)}`,
    pack(null),
    pack([]),
    pack({ ...token, extra: 1 }),
    pack({ ...token, key: "AAAA" }),
    pack({ ...token, net: "x" }),
    pack({ ...token, head: { seq: -1, hash: key(2) } }),
    pack({ ...token, ca: key(1) + "=" }),
    pack({ ...token, server: "x".repeat(513) }),
  ];
  for (const text of wrong) assert.throws(() => decodeToken(text), bad("bad_token", text), text);
  fc.assert(fc.property(fc.string(), (text) => {
    assert.throws(() => decodeToken(text), bad("bad_token", text));
    assert.throws(() => decodeToken(`ghost1_${text}`), bad("bad_token", text));
  }));
});

Deno.test("decodeSetupCode() reads what encodeSetupCode() wrote, with and without a CA", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, withCa) => {
    const code = { secret: new Uint8Array(bytes), ca: withCa ? key(9) : undefined };
    const text = encodeSetupCode(code);
    assert.match(text, /^setup1_/);
    assert.deepEqual(decodeSetupCode(` ${text}\n`), code);
    assert.throws(() => decodeSetupCode(text.slice(0, -1)), bad("bad_setup_code", text.slice(0, -1)));
  }));
});

Deno.test("decodeSetupCode() refuses what is no set-up code", () => {
  for (const text of ["", "setup1_", "setup1_AAAA", encodeToken(token), `setup1_${key(1)}`, "setup1_!"]) {
    assert.throws(() => decodeSetupCode(text), bad("bad_setup_code", text), text);
  }
  assert.throws(() => encodeSetupCode({ secret: new Uint8Array(15), ca: undefined }), RangeError);
});
