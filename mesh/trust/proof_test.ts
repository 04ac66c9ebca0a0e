import assert from "node:assert/strict";
import { utf8 } from "../wire/encoding.ts";
import { signJws } from "./jws.ts";
import { makeRequestProof, verifyRequestProof } from "./proof.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { admin, NOW } from "./testdata/network.ts";

const request = {
  method: "POST",
  path: "/v1/nodes?x=1",
  net: "eifmesuhf4me5u6yolot7rae5afh456l",
  body: utf8('{"record":"a.b.c"}'),
};
const jti = "0123456789abcdef";
const make = (change: Partial<Parameters<typeof makeRequestProof>[0]> = {}) =>
  makeRequestProof({ ...request, key: admin, iat: NOW, jti, ...change });
const proof = await make();

Deno.test("verifyRequestProof() tells whose request it is", async () => {
  assert.deepEqual(await verifyRequestProof(proof, { ...request, now: NOW }), { key: admin.public, jti, iat: NOW });
  const empty = await make({ body: new Uint8Array(), method: "GET" });
  await verifyRequestProof(empty, { ...request, method: "GET", body: new Uint8Array(), now: NOW });
});

Deno.test("verifyRequestProof() refuses a proof for any other request", async () => {
  const changes = [
    [{ method: "GET" }, /for POST, not GET/],
    [{ path: "/v1/nodes?x=2" }, /another path/],
    [{ path: "/v1/nodes" }, /another path/],
    [{ path: "/v1/%6eodes?x=1" }, /another path/],
    [{ net: "f".repeat(32) }, /not f{32}/],
    [{ body: utf8("{}") }, /another body/],
    [{ body: new Uint8Array() }, /another body/],
  ] as const;
  for (const [change, line] of changes) {
    await assert.rejects(verifyRequestProof(proof, { ...request, ...change, now: NOW }), ghost("unauthorized", line));
  }
});

Deno.test("verifyRequestProof() says by how much and whose clock is wrong", async () => {
  await verifyRequestProof(proof, { ...request, now: NOW + 300 });
  await verifyRequestProof(proof, { ...request, now: NOW - 300 });
  await assert.rejects(
    verifyRequestProof(proof, { ...request, now: NOW + 301 }),
    ghost("clock_skew", /The caller's clock is 301 s behind the server's/),
  );
  await assert.rejects(
    verifyRequestProof(proof, { ...request, now: NOW - 900 }),
    ghost("clock_skew", /The caller's clock is 900 s ahead of the server's/),
  );
});

Deno.test("verifyRequestProof() answers unauthorized whatever is wrong with the proof", async () => {
  const claims = { htm: "POST", htu: request.path, net: request.net, bh: "x", iat: NOW, jti };
  const wrong = [
    "",
    "x",
    "a.b.c",
    "a".repeat(5000),
    await signJws(claims, { typ: "dpop+jwt", key: admin }),
    await signJws({ ...claims, bh: admin.public, extra: 1 }, { typ: "dpop+jwt", key: admin }),
    await signJws({ ...claims, bh: admin.public }, { typ: "JWT", key: admin }),
  ];
  for (const text of wrong) {
    await assert.rejects(verifyRequestProof(text, { ...request, now: NOW }), ghost("unauthorized", /^DPoP/), text);
  }
  await everyMutationIsRefused(proof, (text) => verifyRequestProof(text, { ...request, now: NOW }));
});

Deno.test("makeRequestProof() refuses a jti that a server would refuse", async () => {
  await assert.rejects(make({ jti: "short" }), ghost("bad_input", /^DPoP\.jti/));
});
