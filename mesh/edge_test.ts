import assert from "node:assert/strict";
import { createEdge } from "./edge.ts";
import { toBase64Url } from "./wire/encoding.ts";
import { decodeSetupCode, encodeSetupCode } from "./wire/token.ts";
import { PROOF_HEADER } from "./wire/api.ts";
import { makeTokenProof } from "./trust/admission/mod.ts";
import { ipv6Of } from "./trust/address.ts";
import { boxKeyFromSeed, nodeIdOf, type SigningKey } from "./trust/keys.ts";
import { signEntry } from "./trust/ledger.ts";
import { makeRequestProof } from "./trust/proof.ts";
import { signNodeRecord } from "./trust/record.ts";
import { plainGrant, plainRecord } from "./trust/testdata/plain.ts";
import { Clock, Events, firstChain, newSigningKey, ok, OPEN_POLICY, random, refused } from "./server/testing.ts";

const CODE = encodeSetupCode({ secret: random(16), ca: undefined });

function makeEdge(openKv: () => Promise<Deno.Kv>, env: Record<string, string> = { GHOSTMESH_SETUP_SECRET: CODE }) {
  const clock = new Clock();
  const errors: unknown[] = [];
  const edge = createEdge({
    openKv,
    env: (name) => env[name],
    now: clock.now,
    random,
    log: (error) => void errors.push(error),
  });
  const fetch = (path: string, init?: RequestInit) => edge.fetch(new Request(`https://mesh.example.com${path}`, init));
  return { edge, fetch, clock, errors };
}

Deno.test("edge: set-up by the code of the environment, nodes join and sync, by fetch alone", async () => {
  using kv = await Deno.openKv(":memory:");
  let opened = 0;
  const { edge, fetch, clock, errors } = makeEdge(() => {
    opened++;
    return Promise.resolve(kv);
  });
  assert.equal(opened, 0, "the store is opened at the first request");
  const admin = await newSigningKey();
  const { ledger, entries } = await firstChain(admin, { policy: OPEN_POLICY, iat: clock.seconds });
  const net = ledger.network.id;
  const setup = {
    method: "POST",
    body: JSON.stringify({ secret: toBase64Url(decodeSetupCode(CODE).secret), entries }),
  };
  await ok(await fetch("/v1/setup", setup));
  assert.equal(await refused(await fetch("/v1/setup", setup)), "409 already_claimed");

  const call = async (key: SigningKey, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const method = body === undefined ? "GET" : "POST";
    const bytes = new TextEncoder().encode(body === undefined ? "" : JSON.stringify(body));
    const jti = toBase64Url(random(16));
    const proof = await makeRequestProof({ key, method, path, net, body: bytes, iat: clock.seconds, jti });
    return await fetch(path, {
      method,
      headers: { [PROOF_HEADER]: proof, ...headers },
      ...(body ? { body: bytes } : {}),
    });
  };
  const grantKey = await newSigningKey();
  const grant = plainGrant(grantKey.public, { uses: 2 });
  const entry = await signEntry({ ledger, admin, kind: "grant", iat: clock.seconds, body: grant });
  await ok(await call(admin, "/v1/ledger", { entries: [entry] }));

  const join = async (name: string) => {
    const key = await newSigningKey();
    const id = await nodeIdOf(key.public);
    const plain = plainRecord({
      net,
      iat: clock.seconds,
      name,
      wg: (await boxKeyFromSeed(random(32))).public,
      seal: (await boxKeyFromSeed(random(32))).public,
      ipv6: await ipv6Of(net, id),
      proof: await makeTokenProof({ grantKey, net, sub: key.public, iat: clock.seconds }),
    });
    const record = await signNodeRecord(plain, key);
    return { key, id, record, answer: await call(key, "/v1/nodes", { record }) };
  };
  const a = await join("a");
  await ok(a.answer);
  const response = await call(a.key, "/v1/sync?ledger=0");
  assert.equal(response.status, 200);
  const events = new Events(response.body!);
  assert.deepEqual((await events.upTo("synced")).map(({ type }) => type), ["ledger", "ledger", "ledger", "synced"]);
  const b = await join("b");
  await ok(b.answer);
  const event = await events.next();
  assert.ok(event?.type === "node" && event.record === b.record);
  assert.equal(await refused((await join("c")).answer), "403 token_used_up");
  await events.close();
  await edge.close();

  // Another isolate on the same store resumes the stream.
  const other = makeEdge(() => Promise.resolve(kv));
  assert.equal(opened, 1);
  const again = await call(a.key, "/v1/nodes");
  assert.deepEqual(await ok(again), { records: [b.record] });
  assert.equal((await (await other.fetch("/v1/server")).json()).network.id, net);
  assert.deepEqual([errors, other.errors], [[], []]);
  await other.edge.close();
});

Deno.test("edge: without a code set-up stays shut, and a store that fails is tried again", async () => {
  using kv = await Deno.openKv(":memory:");
  const { edge, fetch } = makeEdge(() => Promise.resolve(kv), {});
  const body = JSON.stringify({ secret: toBase64Url(new Uint8Array(16)), entries: ["a.b.c"] });
  assert.equal(await refused(await fetch("/v1/setup", { method: "POST", body })), "403 bad_setup_code");
  await edge.close();

  let tries = 0;
  const shaky = makeEdge(() => tries++ === 0 ? Promise.reject(new Error("no route")) : Promise.resolve(kv));
  assert.equal(await refused(await shaky.fetch("/healthz")), "503 internal");
  await ok(await shaky.fetch("/healthz"));
  assert.equal(shaky.errors.length, 1);
});
