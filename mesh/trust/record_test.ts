import assert from "node:assert/strict";
import { DEFAULT_ADMIT } from "../wire/admit.ts";
import { NODE_TYP, type NodeRecord } from "../wire/record.ts";
import { ipv4Of } from "./address.ts";
import { makeTokenProof } from "./admission/mod.ts";
import { signJws } from "./jws.ts";
import { Ledger } from "./ledger.ts";
import { MAX_RECORD, signNodeRecord, type VerifiedNode, verifyNodeRecord } from "./record.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import {
  add,
  gateGrantKey,
  genesis,
  grantKey,
  grantOf,
  network,
  nodeRecordOf,
  NOW,
  second,
  signer,
} from "./testdata/network.ts";

const ledger = await network();

/** Signs alice's record with changes that the schema need not allow, and checks it. */
async function verify(change: Record<string, unknown> = {}, own: Ledger = ledger, now = NOW): Promise<VerifiedNode> {
  const { key, record } = await nodeRecordOf(own, "alice");
  return await verifyNodeRecord(await signJws({ ...record, ...change }, { typ: NODE_TYP, key }), {
    ledger: own,
    now,
    admit: DEFAULT_ADMIT,
  });
}

Deno.test("verifyNodeRecord() tells what a node is", async () => {
  const { key, id, record } = await nodeRecordOf(ledger, "alice");
  const jws = await signNodeRecord(record, key);
  const node = await verifyNodeRecord(jws, { ledger, now: NOW, admit: DEFAULT_ADMIT });
  assert.deepEqual(
    { ...node, admission: node.admission.grant },
    {
      id,
      key: key.public,
      jws,
      record,
      admission: grantKey.public,
      name: "alice",
      tags: ["tag:web", "tag:db"],
      user: null,
      subject: null,
      groups: [],
    },
  );
});

Deno.test("verifyNodeRecord() refuses every mutation of one character", async () => {
  const { key, record } = await nodeRecordOf(ledger, "alice");
  await everyMutationIsRefused(
    await signNodeRecord(record, key),
    (jws) => verifyNodeRecord(jws, { ledger, now: NOW, admit: DEFAULT_ADMIT }),
  );
});

Deno.test("verifyNodeRecord() judges times by the clock it is given", async () => {
  await verify({}, ledger, NOW - 300);
  await assert.rejects(verify({}, ledger, NOW - 301), ghost("clock_skew", /^record\.iat: Signed 301 s in the future/));
  await verify({}, ledger, NOW + 86_399);
  await assert.rejects(verify({}, ledger, NOW + 86_400), ghost("bad_record", /^record\.exp: Expired at 2023-11-15T22/));
});

Deno.test("verifyNodeRecord() refuses what contradicts the network", async () => {
  const other = await Ledger.open([await genesis({ name: "other" })]);
  const bob = (await nodeRecordOf(ledger, "bob")).record;
  const offIpv4 = "100.64.0.1";
  const refusals: [Record<string, unknown>, Parameters<typeof ghost>][] = [
    [{ net: other.network.id }, ["wrong_network", /^record\.net: /]],
    [{ ipv6: bob.ipv6 }, ["bad_record", /^record\.ipv6: Expected fd/]],
    [{ ipv6: bob.ipv6.toUpperCase() }, ["bad_record"]],
    [{ ipv4: bob.ipv4 }, ["bad_record", /^record\.ipv4: .* not one of this node's/]],
    [{ ipv4: offIpv4 }, ["bad_record"]],
    [{ ipv4: "10.0.0.1" }, ["bad_record"]],
    [{ name: "a".repeat(26) }, ["bad_record", /look like an id/]],
    [{ name: "Alice" }, ["bad_record", /^record\.name: /]],
    [{ name: "../x" }, ["bad_record"]],
    [{ v: 2 }, ["bad_record"]],
    [{ seq: 0 }, ["bad_record"]],
    [{ extra: true }, ["bad_record"]],
    [{ wg: "A".repeat(43) }, ["bad_record", /^record\.wg: Unsafe/]],
    [{ wgNext: "A".repeat(43) }, ["bad_record", /^record\.wgNext: Unsafe/]],
    [{ seal: "A".repeat(43) }, ["bad_record", /^record\.seal: Unsafe/]],
    [{ routes: ["10.1.1.1/24"] }, ["bad_record", /^record\.routes\[0\]: Expected "10\.1\.1\.0\/24"/]],
    [{ routes: ["10.1.1.0/24", "127.0.0.0/8"] }, ["bad_record", /^record\.routes\[1\]/]],
    [{ proof: bob.proof }, ["not_admitted", /another identity/]],
    [{ proof: { kind: "oidc", idToken: "a.b.c" } }, ["bad_signature"]],
    [{ proof: { kind: "x509", chain: ["MAA"], signature: "AA" } }, ["not_admitted", /admits nobody by certificate/]],
  ];
  for (const [change, expected] of refusals) await assert.rejects(verify(change), ghost(...expected));
  const { record } = await nodeRecordOf(ledger, "alice");
  const stolen = await signJws(record, { typ: NODE_TYP, key: await signer("mallory") });
  await assert.rejects(verifyNodeRecord(stolen, { ledger, now: NOW, admit: DEFAULT_ADMIT }), ghost("not_admitted"));
});

Deno.test("verifyNodeRecord() refuses a record that is too long before it reads it", async () => {
  const long = "a".repeat(MAX_RECORD + 1);
  await assert.rejects(
    verifyNodeRecord(long, { ledger, now: NOW, admit: DEFAULT_ADMIT }),
    ghost("too_large", /^record: /),
  );
});

Deno.test("verifyNodeRecord() takes any of the node's IPv4 addresses, or none", async () => {
  const { id } = await nodeRecordOf(ledger, "alice");
  for (const counter of [0, 1, 15]) {
    const ipv4 = await ipv4Of(ledger.network.id, id, counter, ledger.network.ipv4);
    assert.equal((await verify({ ipv4 })).record.ipv4, ipv4);
  }
  assert.equal((await verify({ ipv4: null })).record.ipv4, null);
});

Deno.test("verifyNodeRecord() holds to the address that an admin gave", async () => {
  const own = await network();
  const { id, record } = await nodeRecordOf(own, "alice");
  const { id: bobId } = await nodeRecordOf(own, "bob");
  await add(own, "node", { node: id, ipv4: "100.64.0.1" });
  await verify({ ipv4: "100.64.0.1" }, own);
  await verify({ ipv4: null }, own);
  await assert.rejects(verify({}, own), ghost("bad_record", /An admin gave this node the address 100\.64\.0\.1/));
  await add(own, "node", { node: id });
  await add(own, "node", { node: bobId, ipv4: record.ipv4! });
  await assert.rejects(verify({}, own), ghost("address_taken", /^record\.ipv4: /));
});

Deno.test("verifyNodeRecord() gives tags that the grant has, or those of an admin", async () => {
  const own = await network();
  assert.deepEqual((await verify({ tags: ["tag:db"] }, own)).tags, ["tag:db"]);
  assert.deepEqual((await verify({}, own)).tags, ["tag:web", "tag:db"]);
  await assert.rejects(
    verify({ tags: ["tag:db", "tag:root"] }, own),
    ghost("not_admitted", /^record\.tags\[1\]: Its admission does not give "tag:root"/),
  );
  const { id } = await nodeRecordOf(own, "alice");
  await add(own, "node", { node: id, tags: ["tag:router"] });
  assert.deepEqual((await verify({ tags: ["tag:root"] }, own)).tags, ["tag:router"]);
  await add(own, "node", { node: id, tags: [] });
  assert.deepEqual((await verify({}, own)).tags, []);
});

Deno.test("verifyNodeRecord() gives the name that an admin gave, and nobody another node's", async () => {
  const own = await network();
  const { id } = await nodeRecordOf(own, "alice");
  const { id: bobId } = await nodeRecordOf(own, "bob");
  await add(own, "node", { node: bobId, name: "alice" });
  assert.equal((await verify({}, own)).name, id);
  await add(own, "node", { node: id, name: "nas" });
  assert.equal((await verify({}, own)).name, "nas");
});

Deno.test("verifyNodeRecord() lets membership end when an admin said so", async () => {
  const own = await network();
  const { id } = await nodeRecordOf(own, "alice");
  await add(own, "node", { node: id, expires: NOW + 10 });
  await verify({}, own, NOW + 10);
  await assert.rejects(verify({}, own, NOW + 11), ghost("not_admitted", /Membership ended at 2023-11-14T22:13:30/));
});

Deno.test("verifyNodeRecord() keeps routes within the grant's prefixes", async () => {
  const own = await network();
  await verify({ routes: ["10.1.1.0/24", "0.0.0.0/0"] }, own);
  await add(own, "grant", grantOf(grantKey, { prefixes: ["10.1.0.0/16", "fd12::/16"] }));
  await verify({ routes: ["10.1.1.0/24", "10.1.0.0/16", "fd12:1::/32"] }, own);
  for (const route of ["10.0.0.0/8", "10.2.0.0/16", "::/0"]) {
    await assert.rejects(
      verify({ routes: ["10.1.1.0/24", route] }, own),
      ghost("not_admitted", /^record\.routes\[1\]: Its admission does not allow/),
      route,
    );
  }
});

Deno.test("verifyNodeRecord() refuses a revoked node, and a node by a gate's token", async () => {
  const own = await network();
  const { key } = await nodeRecordOf(own, "alice");
  const asNode = await makeTokenProof({ grantKey: gateGrantKey, net: own.network.id, sub: key.public, iat: NOW });
  await assert.rejects(verify({ proof: asNode }, own), ghost("not_admitted", /admits gates only/));
  await add(own, "revoke", { what: "gate", key: key.public });
  await verify({}, own);
  await add(own, "revoke", { what: "node", key: key.public });
  await assert.rejects(
    verify({}, own),
    ghost("revoked", /^record: This node was revoked; ghostctl leave --yes --forget-keys/),
  );
  // Another token does not bring it back.
  await add(own, "grant", grantOf(second));
  const again = await makeTokenProof({ grantKey: second, net: own.network.id, sub: key.public, iat: NOW });
  await assert.rejects(verify({ proof: again }, own), ghost("revoked"));
});

Deno.test("verifyNodeRecord() refuses all who came in by a revoked grant", async () => {
  const own = await network();
  await add(own, "revoke", { what: "grant", key: grantKey.public });
  await assert.rejects(verify({}, own), ghost("revoked", /The token was revoked/));
});

Deno.test("signNodeRecord() refuses a record that nobody would take", async () => {
  const { key, record } = await nodeRecordOf(ledger, "alice");
  const wrong = { ...record, name: "Not A Label" } satisfies NodeRecord;
  await assert.rejects(signNodeRecord(wrong, key), ghost("bad_record", /^record\.name: /));
});
