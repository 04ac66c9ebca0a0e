import assert from "node:assert/strict";
import type { LedgerBody } from "../wire/ledger.ts";
import { networkPrefix6 } from "./address.ts";
import { nodeIdOf } from "./keys.ts";
import { Ledger, signEntry } from "./ledger.ts";
import { ghost } from "./testdata/assert.ts";
import { add, grantKey, grantOf, network, NOW, signer } from "./testdata/network.ts";

const a = await signer("a");
const b = await signer("b");
const idA = await nodeIdOf(a.public);
const idB = await nodeIdOf(b.public);
const route = { op: "add" as const, prefix: "10.1.1.0/24", node: idA, metric: 0, snat: true };

Deno.test("policy: the newest is in force, with the entry it came with", async () => {
  const ledger = await network();
  assert.equal(ledger.policy, null);
  await add(ledger, "policy", { format: "toml", source: "# one" });
  await add(ledger, "policy", { format: "ts", source: "// two", computed: "{}" });
  assert.deepEqual(ledger.policy, { seq: 4, format: "ts", source: "// two", computed: "{}" });
  await add(ledger, "policy", { format: "toml", source: "# three" });
  assert.deepEqual(ledger.policy, { seq: 5, format: "toml", source: "# three" });
});

Deno.test("grant: the newer of two for one key counts; a revoked one never comes back", async () => {
  const ledger = await network();
  await add(ledger, "grant", grantOf(grantKey, { tags: ["tag:nas"] }));
  assert.deepEqual(ledger.grant(grantKey.public)?.tags, ["tag:nas"]);
  assert.equal(ledger.grants.size, 2);
  assert.ok(!ledger.isRevoked("grant", grantKey.public));
  await add(ledger, "revoke", { what: "grant", key: grantKey.public, reason: "leaked" });
  assert.ok(ledger.isRevoked("grant", grantKey.public));
  assert.ok(!ledger.isRevoked("node", grantKey.public));
  assert.equal(ledger.grant(grantKey.public), undefined);
  await assert.rejects(add(ledger, "grant", grantOf(grantKey)), ghost("bad_ledger", /entry\.body\.key: .*revoked/));
});

Deno.test("grant: keys of small order and prefixes out of form are refused", async () => {
  const ledger = await network();
  const small = { ...grantOf(grantKey), key: "A".repeat(43) };
  await assert.rejects(add(ledger, "grant", small), ghost("bad_signature", /Unsafe/));
  const prefixes = ["10.1.1.0/24", "10.1.1.1/24"];
  await assert.rejects(
    add(ledger, "grant", grantOf(grantKey, { prefixes })),
    ghost("bad_ledger", /^entry\.body\.prefixes\[1\]: Expected "10\.1\.1\.0\/24"/),
  );
});

Deno.test("drain: the newest word of an admin counts, and is gone with a revoked gate", async () => {
  const ledger = await network();
  assert.ok(!ledger.isDraining(a.public));
  const first = await add(ledger, "drain", { gate: a.public, on: true });
  assert.ok(ledger.isDraining(a.public));
  assert.ok(!ledger.isDraining(b.public));
  await add(ledger, "drain", { gate: a.public, on: false });
  assert.ok(!ledger.isDraining(a.public));
  // The old statement has its place in the chain: said again, it says nothing.
  assert.equal(await ledger.take(first), "known");
  await assert.rejects(Ledger.open([...ledger.entries, first]), ghost("bad_ledger"));
  assert.ok(!ledger.isDraining(a.public));
  await add(ledger, "drain", { gate: b.public, on: true });
  await add(ledger, "revoke", { what: "gate", key: b.public });
  assert.ok(!ledger.isDraining(b.public));
  await assert.rejects(add(ledger, "drain", { gate: b.public, on: true }), ghost("bad_ledger", /revoked for good/));
  await assert.rejects(add(ledger, "drain", { gate: "A".repeat(43), on: true }), ghost("bad_signature", /Unsafe/));
  const forged = await signEntry({ ledger, admin: a, kind: "drain", body: { gate: a.public, on: true }, iat: NOW });
  await assert.rejects(ledger.append(forged), ghost("bad_ledger", /not an admin/));
});

Deno.test("route: added, changed and removed by prefix and node", async () => {
  const ledger = await network();
  await add(ledger, "route", route);
  await add(ledger, "route", { ...route, node: idB });
  await add(ledger, "route", { ...route, metric: 5 });
  assert.deepEqual(ledger.routes.map((r) => [r.node, r.metric]), [[idA, 5], [idB, 0]]);
  await add(ledger, "route", { ...route, op: "remove" });
  await add(ledger, "route", { ...route, op: "remove" });
  assert.deepEqual(ledger.routes.map((r) => r.node), [idB]);
});

Deno.test("route: of an alias of the network's own addresses no route comes, and the chain goes on", async () => {
  const ledger = await network();
  const alias = { ...route, prefix: "10.201.0.0/24", lan: "10.9.1.0/24" };
  const own4 = { ...route, prefix: "10.202.0.0/24", lan: "100.64.7.0/24" };
  const own6 = { ...route, prefix: "fd01::/64", lan: (await networkPrefix6(ledger.network.id)).replace("/48", "/64") };
  const over = { ...route, prefix: "20.0.0.0/8", lan: "100.0.0.0/8" };
  for (const body of [alias, own4, own6, over]) await add(ledger, "route", body);
  assert.deepEqual(ledger.routes, [alias]);
  await add(ledger, "route", { ...alias, lan: own4.lan }); // the newest statement counts
  assert.deepEqual(ledger.routes, []);
  await add(ledger, "route", alias);
  const again = await Ledger.open([...ledger.entries], { net: ledger.network.id });
  assert.deepEqual([again.head, again.routes], [ledger.head, [alias]]);
});

Deno.test("route: the network's own addresses cannot be rerouted", async () => {
  const ledger = await network();
  const own6 = "fd0d:cd1a:3282:1::/64";
  for (const prefix of ["100.64.0.0/10", "100.100.1.0/24", "100.64.0.1/32", own6]) {
    await assert.rejects(add(ledger, "route", { ...route, prefix }), ghost("bad_ledger", /own addresses/), prefix);
  }
  for (const prefix of ["10.1.1.5/24", "127.0.0.0/8", "169.254.169.254/32", "::ffff:10.0.0.0/104"]) {
    await assert.rejects(add(ledger, "route", { ...route, prefix }), ghost("bad_ledger", /body\.prefix/), prefix);
  }
});

Deno.test("node: the newest entry stands alone", async () => {
  const ledger = await network();
  await add(ledger, "node", { node: idA, name: "nas", tags: ["tag:web"], ipv4: "100.64.0.9", expires: NOW });
  assert.equal(ledger.holderOf("name", "nas"), idA);
  assert.equal(ledger.holderOf("ipv4", "100.64.0.9"), idA);
  await add(ledger, "node", { node: idA, name: "box" });
  assert.deepEqual(ledger.nodeSettings(idA), { node: idA, name: "box" });
  assert.equal(ledger.holderOf("name", "nas"), undefined);
  assert.equal(ledger.holderOf("ipv4", "100.64.0.9"), undefined);
  await add(ledger, "node", { node: idB, name: "nas", ipv4: "100.64.0.9" });
  assert.equal(ledger.holderOf("name", "nas"), idB);
});

Deno.test("node: one name and one address for one node", async () => {
  const ledger = await network();
  await add(ledger, "node", { node: idA, name: "nas", ipv4: "100.64.0.9" });
  await add(ledger, "node", { node: idA, name: "nas", ipv4: "100.64.0.9" });
  await assert.rejects(
    add(ledger, "node", { node: idB, name: "nas" }),
    ghost("name_taken", /"nas" is the name of node/),
  );
  await assert.rejects(add(ledger, "node", { node: idB, ipv4: "100.64.0.9" }), ghost("address_taken"));
  await assert.rejects(add(ledger, "node", { node: idB, ipv4: "10.0.0.1" }), ghost("bad_ledger", /not in 100\.64/));
  await assert.rejects(add(ledger, "node", { node: idB, name: idA }), ghost("bad_ledger", /look like an id/));
});

Deno.test("revoke: a node loses name, address and routes for good", async () => {
  const ledger = await network();
  await add(ledger, "node", { node: idA, name: "nas", ipv4: "100.64.0.9" });
  await add(ledger, "route", route);
  await add(ledger, "route", { ...route, node: idB });
  await add(ledger, "revoke", { what: "node", key: a.public });
  assert.ok(ledger.isRevoked("node", a.public));
  assert.equal(ledger.nodeSettings(idA), undefined);
  assert.equal(ledger.holderOf("name", "nas"), undefined);
  assert.deepEqual(ledger.routes.map((r) => r.node), [idB]);
  await assert.rejects(add(ledger, "route", route), ghost("bad_ledger", /revoked for good/));
  await assert.rejects(add(ledger, "node", { node: idA, name: "nas" }), ghost("bad_ledger", /revoked for good/));
  await add(ledger, "route", { ...route, op: "remove" });
});

Deno.test("revoke: keys in any other spelling are refused, so none can miss its mark", async () => {
  const ledger = await network();
  const { public: key } = a;
  const standard = key.replaceAll("-", "+").replaceAll("_", "/");
  const spellings = [`${key}=`, ` ${key}`, `${standard}=`, idA, "", key.slice(1)];
  for (const what of ["node", "grant", "gate"] as const) {
    for (const spelling of spellings) {
      await assert.rejects(
        add(ledger, "revoke", { what, key: spelling }),
        ghost("bad_ledger", /^entry\.body\.key: Expected a key/),
        spelling,
      );
    }
  }
});

Deno.test("revoke: certificates by their issuer's hash and serial, in one spelling", async () => {
  const ledger = await network();
  const name = "ab".repeat(32);
  await add(ledger, "revoke", { what: "certificate", key: `${name}:a1b` });
  assert.ok(ledger.isRevoked("certificate", `${name}:a1b`));
  for (
    const key of [
      `${name.toUpperCase()}:0a`,
      `${name}:`,
      "CN=x 01",
      `${name}:a:b`,
      `${name}:0a1b`,
      `${name.slice(24)}:a1b`,
    ]
  ) {
    await assert.rejects(add(ledger, "revoke", { what: "certificate", key }), ghost("bad_ledger", /body\.key/), key);
  }
});

Deno.test("gate: the newest entry stands alone until the gate is revoked for good", async () => {
  const ledger = await network();
  const gate = { key: a.public, name: "gate1", region: "eu", addresses: ["192.0.2.1"] };
  await add(ledger, "gate", gate);
  await add(ledger, "gate", { ...gate, name: "gate2" });
  assert.equal(ledger.gateSettings(a.public)?.name, "gate2");
  await add(ledger, "revoke", { what: "gate", key: a.public });
  assert.equal(ledger.gateSettings(a.public), undefined);
  await assert.rejects(add(ledger, "gate", gate), ghost("bad_ledger", /revoked for good/));
});

Deno.test("issuer: an admin's entry replaces, a watcher's adds, and only a policy names watchers", async () => {
  const issuer = "https://login.example.com";
  const key = (kid: string) => ({ kty: "RSA", kid });
  const jwks = (...kids: string[]) => ({ issuer, jwks: kids.map(key) });
  const start = await network();
  const ledger = await Ledger.open(start.entries, {
    issuerSigners: (policy, of) => policy.source === "# watched" && of === issuer ? [b.public] : [],
  });
  const tell = async (body: LedgerBody<"issuer">, iat = NOW) =>
    await ledger.append(await signEntry({ ledger, admin: b, kind: "issuer", body, iat }));
  await add(ledger, "issuer", jwks("one"));
  await assert.rejects(tell(jwks("two")), ghost("bad_ledger", /not an admin/));
  await add(ledger, "policy", { format: "toml", source: "# watched" });
  await tell(jwks("two"), NOW + 9);
  assert.deepEqual(ledger.issuerKeys(issuer), [{ jwk: key("two"), seen: null }, { jwk: key("one"), seen: NOW + 9 }]);
  await tell(jwks("one", "three"), NOW + 20);
  assert.deepEqual(ledger.issuerKeys(issuer).map(({ jwk, seen }) => [jwk.kid, seen]), [
    ["one", null],
    ["three", null],
    ["two", NOW + 20],
  ]);
  await assert.rejects(tell({ issuer: "https://else.example.com", jwks: [] }), ghost("bad_ledger", /not an admin/));
  const other = await signEntry({ ledger, admin: b, kind: "policy", body: { format: "toml", source: "" }, iat: NOW });
  await assert.rejects(ledger.append(other), ghost("bad_ledger", /not an admin/));
  await add(ledger, "issuer", jwks("four"));
  assert.deepEqual(ledger.issuerKeys(issuer), [{ jwk: key("four"), seen: null }]);
  // Whoever does not know the policy's watchers does not believe them.
  await assert.rejects(Ledger.open(ledger.entries), ghost("bad_ledger", /not an admin/));
});
