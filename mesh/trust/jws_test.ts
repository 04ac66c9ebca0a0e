import assert from "node:assert/strict";
import { CompactSign, importJWK } from "jose";
import { fromBase64Url, toBase64Url, utf8 } from "../wire/encoding.ts";
import { signJws, verifyJws } from "./jws.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { admin, second } from "./testdata/network.ts";

const typ = "ghostmesh-test+jwt";
const payload = { v: 1, text: "hélas", list: [1, 2] };
const good = await signJws(payload, { typ, key: admin });
const [head, body, signature] = good.split(".") as [string, string, string];
const goodHeader = { alg: "EdDSA", typ, jwk: { kty: "OKP", crv: "Ed25519", x: admin.public } };

/** A JWS with any header text and any payload text, rightly signed by `admin`. */
async function forge(headerText: string, payloadText = JSON.stringify(payload)): Promise<string> {
  const input = `${toBase64Url(utf8(headerText))}.${toBase64Url(utf8(payloadText))}`;
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: admin.public, d: admin.seed }, "EdDSA") as CryptoKey;
  return `${input}.${toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", key, utf8(input))))}`;
}

Deno.test("verifyJws() tells who signed what", async () => {
  assert.deepEqual(await verifyJws(good, { typ }), { key: admin.public, payload });
  assert.deepEqual(await verifyJws(good, { typ, key: admin.public }), { key: admin.public, payload });
  assert.deepEqual(await verifyJws(await forge(JSON.stringify(goodHeader)), { typ }), { key: admin.public, payload });
});

Deno.test("verifyJws() refuses another typ, another signer and a text that is too long", async () => {
  await assert.rejects(verifyJws(good, { typ: "other+jwt" }), ghost("bad_signature", /Expected typ "other\+jwt"/));
  await assert.rejects(verifyJws(good, { typ, key: second.public }), ghost("bad_signature", /another key/));
  await assert.rejects(verifyJws(good, { typ, max: 100, place: "x" }), ghost("too_large", /^x: /));
});

Deno.test("verifyJws() refuses every mutation of one character", async () => {
  await everyMutationIsRefused(good, (jws) => verifyJws(jws, { typ }));
});

Deno.test("verifyJws() takes no header but its own, even when it is signed", async () => {
  const { jwk } = goodHeader;
  const headers: Record<string, unknown> = {
    "alg none": { ...goodHeader, alg: "none" },
    "alg HS256": { ...goodHeader, alg: "HS256" },
    "alg Ed25519": { ...goodHeader, alg: "Ed25519" },
    "alg in lower case": { ...goodHeader, alg: "eddsa" },
    "no alg": { typ, jwk },
    "no typ": { alg: "EdDSA", jwk },
    "typ in another case": { ...goodHeader, typ: typ.toUpperCase() },
    "typ with application/": { ...goodHeader, typ: `application/${typ}` },
    "no jwk": { alg: "EdDSA", typ },
    "crit": { ...goodHeader, crit: ["b64"] },
    "b64": { ...goodHeader, b64: false, crit: ["b64"] },
    "kid": { ...goodHeader, kid: "x" },
    "jku": { ...goodHeader, jku: "https://example.com/" },
    "x5c": { ...goodHeader, x5c: [] },
    "zip": { ...goodHeader, zip: "DEF" },
    "jwk with d": { ...goodHeader, jwk: { ...jwk, d: admin.seed } },
    "jwk with alg": { ...goodHeader, jwk: { ...jwk, alg: "EdDSA" } },
    "jwk of another curve": { ...goodHeader, jwk: { ...jwk, crv: "X25519" } },
    "jwk of another type": { ...goodHeader, jwk: { ...jwk, kty: "EC" } },
    "jwk x with padding": { ...goodHeader, jwk: { ...jwk, x: `${jwk.x}=` } },
    "an array": [goodHeader],
    "null": null,
  };
  for (const [what, value] of Object.entries(headers)) {
    await assert.rejects(verifyJws(await forge(JSON.stringify(value)), { typ }), ghost("bad_signature"), what);
  }
  const polluting = JSON.stringify(goodHeader).replace("{", '{"__proto__":{"crit":["b64"]},');
  await assert.rejects(verifyJws(await forge(polluting), { typ }), ghost("bad_signature"));
});

Deno.test("verifyJws() refuses an HMAC keyed with the public key, and no signature", async () => {
  const hs = await new CompactSign(utf8(JSON.stringify(payload)))
    .setProtectedHeader({ ...goodHeader, alg: "HS256" })
    .sign(fromBase64Url(admin.public));
  for (const jws of [hs, `${head}.${body}.`, `${head}.${body}`, `${good}.${signature}`, "", "..", "a.b.c"]) {
    await assert.rejects(verifyJws(jws, { typ }), ghost("bad_signature"), jws);
  }
});

Deno.test("verifyJws() refuses a payload that is no object", async () => {
  for (const text of ["[]", "null", "1", '"x"', "", "{", "{}x"]) {
    await assert.rejects(
      verifyJws(await forge(JSON.stringify(goodHeader), text), { typ }),
      ghost("bad_signature"),
      text,
    );
  }
});

Deno.test("verifyJws() refuses the same signature in another form", async () => {
  // S + L, the order of the group: the same equation, another text (RFC 8032 section 5.1.7 has it refused).
  const order = (1n << 252n) + 27742317777372353535851937790883648493n;
  const bytes = fromBase64Url(signature);
  let s = order;
  for (let i = 0; i < 32; i++) s += BigInt(bytes[32 + i]!) << BigInt(8 * i);
  for (let i = 0; i < 32; i++) bytes[32 + i] = Number((s >> BigInt(8 * i)) & 255n);
  await assert.rejects(verifyJws(`${head}.${body}.${toBase64Url(bytes)}`, { typ }), ghost("bad_signature"));
  // The last character carries two bits; the other fifteen spellings of the same bytes are refused.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(signature.at(-1)!);
  for (let bits = 1; bits < 16; bits++) {
    const other = signature.slice(0, -1) + alphabet[last ^ bits];
    await assert.rejects(verifyJws(`${head}.${body}.${other}`, { typ }), ghost("bad_signature"));
  }
});

Deno.test("verifyJws() refuses a key of small order, for which anybody can sign", async () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const x = toBase64Url(identity);
  const forgedHead = toBase64Url(utf8(JSON.stringify({ ...goodHeader, jwk: { ...goodHeader.jwk, x } })));
  const forged = new Uint8Array(64);
  forged[0] = 1;
  await assert.rejects(
    verifyJws(`${forgedHead}.${body}.${toBase64Url(forged)}`, { typ }),
    ghost("bad_signature", /jwk\.x: Unsafe Ed25519 public key/),
  );
});

Deno.test("verifyJws() still decides rightly after more strangers than it keeps keys of", async () => {
  await verifyJws(good, { typ });
  const x = new Uint8Array(32).fill(2);
  for (let i = 0; i < 4200; i++) {
    new DataView(x.buffer).setUint32(0, i);
    const stranger = { ...goodHeader, jwk: { ...goodHeader.jwk, x: toBase64Url(x) } };
    const forged = `${toBase64Url(utf8(JSON.stringify(stranger)))}.${body}.${signature}`;
    await assert.rejects(verifyJws(forged, { typ }), ghost("bad_signature"));
  }
  assert.equal((await verifyJws(good, { typ })).key, admin.public);
});
