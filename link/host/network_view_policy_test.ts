/** What a view makes of the policy: who sees whom, which routes count, and what holds when a policy cannot be used. */
import assert from "node:assert/strict";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { add, network, nodeRecordOf, NOW } from "../../mesh/trust/testdata/network.ts";
import { AdmitRules, STARTER_POLICY } from "../../mesh/policy/mod.ts";
import { ghost } from "../../mesh/trust/testdata/assert.ts";
import { NetworkView } from "./network_view.ts";
import { entry, join, view } from "./testing_view.ts";

Deno.test("NetworkView makes peers of those whom policy lets see each other, and of nobody without a policy", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
  const bare = await view(null);
  await join(bare, "bob");
  assert.deepEqual(bare.rights.peers(), []);
  assert.equal(bare.rights.filter(), null);
});

Deno.test("NetworkView fails closed when the policy in force is not one that it can enforce", async () => {
  const v = await view('[[firewall]]\ntag = "tag:web"\n');
  await join(v, "bob");
  assert.deepEqual(v.rights.peers(), []);
  assert.equal(v.rights.filter(), null);
  assert.match(v.policyFault!, /firewall/);
});

Deno.test("NetworkView takes what a policy.ts computed when it was signed, and never its source", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  await entry(v, "policy", { format: "ts", source: "export default {}" } as never);
  assert.match(v.policyFault!, /signed without the document/);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
  await entry(v, "policy", { format: "ts", source: "Deno.exit(9)", computed: "" } as never);
  assert.equal(v.policyFault, null);
  assert.deepEqual(v.rights.peers(), []);
});

Deno.test("NetworkView keeps the rules in force when the next policy fails its own tests", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  const source = '[tags]\nweb = []\n[[test]]\nfrom = "a@b.c"\naccept = ["tag:web tcp/1"]\n';
  await entry(v, "policy", { format: "toml", source } as never);
  assert.match(v.policyFault!, /Test accept/);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
});

Deno.test("NetworkView keeps the rules in force when the next policy is not one that it can enforce", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  await entry(v, "policy", { format: "toml", source: "[zones]\n" } as never);
  assert.match(v.policyFault!, /zones/);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
  await entry(
    v,
    "policy",
    { format: "toml", source: '[[allow]]\nfrom = ["tag:web"]\nto = ["tag:web"]\n[tags]\nweb = []\n' } as never,
  );
  assert.equal(v.policyFault, null);
});

Deno.test("NetworkView that starts with a policy it cannot use goes back to the last one in the ledger that it can", async () => {
  const ledger = await network();
  await add(ledger, "policy", { format: "toml", source: "[zones]\n" });
  assert.equal(new NetworkView({ selfId: "x", ledger, now: () => NOW }).policyEntry, null);
  await add(ledger, "policy", { format: "toml", source: STARTER_POLICY });
  const usable = ledger.head.seq;
  await add(ledger, "policy", { format: "toml", source: 'admit = []\n[[test]]\nfrom = "a@b.c"\naccept = ["*"]\n' });
  await add(ledger, "policy", { format: "toml", source: "[zones]\n" });
  const alice = await nodeRecordOf(ledger, "alice");
  const v = new NetworkView({ selfId: alice.id, ledger, now: () => NOW });
  await v.node(await signNodeRecord(alice.record, alice.key));
  const bob = await join(v, "bob");
  assert.match(v.policyFault!, /zones/, "the newest one's fault is told");
  assert.equal(v.policyEntry, usable);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
  assert.deepEqual(new AdmitRules().of(ledger.policy), [{ method: "static", revokesNodes: false }]);
});

Deno.test("NetworkView knows a route that the policy approves as approved, whoever may use it", async () => {
  const v = await view('[routes]\nexit = ["*"]\n');
  const bob = await join(v, "bob", { routes: ["0.0.0.0/0"] });
  assert.deepEqual(v.rights.approved.map(({ prefix, node }) => [prefix, node]), [["0.0.0.0/0", bob]]);
  assert.deepEqual(v.rights.routes(), { mine: [], theirs: [] });
});

Deno.test("NetworkView separates the routes that it carries from those of visible peers", async () => {
  const v = await view('[[allow]]\nfrom = ["*"]\nto = ["*", "10.1.1.0/24", "10.3.0.0/16"]\n');
  const bob = await join(v, "bob");
  const stranger = (await nodeRecordOf(v.ledger, "stranger")).id;
  const route = (node: string, prefix: string) =>
    add(v.ledger, "route", { op: "add", prefix, node, metric: 0, snat: true });
  await route(bob, "10.1.1.0/24");
  await route(v.selfId, "10.2.0.0/16");
  await route(stranger, "10.3.0.0/16");
  await route(bob, "10.4.0.0/16"); // no rule uses it
  assert.deepEqual(v.rights.routes().mine.map((r) => r.prefix), ["10.2.0.0/16"]);
  assert.deepEqual(v.rights.routes().theirs.map((r) => r.prefix), ["10.1.1.0/24"]);
});

Deno.test("NetworkView ends a peer whose key has expired by the policy, whatever the coordinator says", async () => {
  let now = NOW;
  const ledger = await network();
  const source = `${STARTER_POLICY}\n[expiry]\nstatic = "1h"\n`;
  await add(ledger, "policy", { format: "toml", source });
  const alice = await nodeRecordOf(ledger, "alice");
  const v = new NetworkView({ selfId: alice.id, ledger, now: () => now });
  await v.node(await signNodeRecord(alice.record, alice.key));
  const bob = await join(v, "bob");
  // An admin has given carol and this machine another end.
  const carol = await join(v, "carol");
  for (const node of [carol, alice.id]) await entry(v, "node", { node, expires: NOW + 9000 } as never);
  const peers = () => v.rights.peers().map((p) => p.id).sort();
  assert.deepEqual(peers(), [bob, carol].sort());
  now = NOW + 3601;
  assert.equal(await v.review(), "nodes");
  assert.deepEqual(peers(), [carol]);
  assert.match(v.refused[0]!.why, /key has expired at .*ghostlink login --auth TOKEN/);
  // A fresh record by the same proof does not bring it back.
  const again = await nodeRecordOf(v.ledger, "bob", { seq: 2, iat: now });
  await assert.rejects(v.node(await signNodeRecord(again.record, again.key)), ghost("not_admitted", /key has expired/));
});

Deno.test("NetworkView has no peers while it is adrift", async () => {
  const v = await view('[network]\ngrace = "2h"\n[[allow]]\nfrom = ["*"]\nto = ["*"]\n');
  await join(v, "bob");
  assert.equal(v.grace, 7200);
  assert.equal(v.drift(true), "nodes");
  assert.equal(v.drift(true), "none");
  assert.deepEqual(v.rights.peers(), []);
  assert.equal(v.drift(false), "nodes");
  assert.equal(v.rights.peers().length, 1);
});
