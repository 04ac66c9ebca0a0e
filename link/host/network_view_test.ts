import assert from "node:assert/strict";
import { signGateRecord, signNodeRecord } from "../../mesh/trust/record.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { add, admin, gateRecordOf, network, nodeRecordOf, NOW, second } from "../../mesh/trust/testdata/network.ts";
import { STARTER_POLICY } from "../../mesh/policy/mod.ts";
import { ghost } from "../../mesh/trust/testdata/assert.ts";
import { NetworkView } from "./network_view.ts";
import { entry, join, view } from "./testing_view.ts";

Deno.test("NetworkView takes only newer records, and none that does not verify", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob", { seq: 5 });
  assert.equal((await v.node(await signNodeRecord(bob.record, bob.key))).change, "nodes");
  assert.equal((await v.node(await signNodeRecord({ ...bob.record, seq: 4 }, bob.key))).change, "none");
  const mallory = await nodeRecordOf(v.ledger, "mallory");
  await assert.rejects(
    v.node(await signNodeRecord({ ...mallory.record, proof: bob.record.proof }, mallory.key)),
    (error) => ghost("not_admitted")(error),
  );
  assert.equal(v.nodes.size, 2);
});

Deno.test("NetworkView drops a revoked node at once, and itself too", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob");
  await join(v, "bob");
  assert.equal(v.rights.peers().length, 1);
  await entry(v, "revoke", { what: "node", key: bob.key.public } as never);
  assert.equal(v.rights.peers().length, 0);
  assert.equal(v.nodes.has(bob.id), false);
  const alice = await nodeRecordOf(v.ledger, "alice");
  await join(v, "carol");
  await entry(v, "revoke", { what: "node", key: alice.key.public } as never);
  assert.deepEqual(v.rights.peers(), [], "a revoked node has no peers");
  assert.equal(v.rights.filter(), null);
});

Deno.test("NetworkView refuses entries of a stranger and keeps what it had", async () => {
  const v = await view();
  await join(v, "bob");
  const head = v.ledger.head;
  await assert.rejects(entry(v, "policy", { format: "toml", source: "" } as never, second));
  assert.deepEqual(v.ledger.head, head);
  assert.equal(v.rights.peers().length, 1);
});

Deno.test("NetworkView leaves a name and an address with whoever was seen first, until an admin settles it", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob");
  await join(v, "bob");
  const thief = await nodeRecordOf(v.ledger, "thief", { name: "bob" });
  await v.node(await signNodeRecord(thief.record, thief.key));
  assert.equal(v.find("bob")!.id, bob.id);
  assert.equal(v.nodes.get(thief.id)!.name, thief.id);
  await entry(v, "node", { node: thief.id, name: "robert" } as never);
  assert.equal(v.find("robert")!.id, thief.id);
  assert.equal(v.find("bob.home.ghost")!.id, bob.id);
});

Deno.test("NetworkView gives a name back to its owner when an admin has moved it on, whoever came in first", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  await join(v, "second", { name: "alice" });
  await entry(v, "node", { node: bob, name: "alice" } as never);
  assert.equal(v.nodes.get(v.selfId)!.name, v.selfId);
  await entry(v, "node", { node: bob, name: "robert" } as never);
  assert.deepEqual([v.find("alice")?.id, v.find("robert")?.id], [v.selfId, bob]);
});

Deno.test("NetworkView leaves a name with its holder when one that came before claims it too", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  const alice = await nodeRecordOf(v.ledger, "alice", { name: "bob", seq: 9 });
  await v.node(await signNodeRecord(alice.record, alice.key));
  await entry(v, "policy", { format: "toml", source: STARTER_POLICY } as never);
  assert.equal(v.find("bob")?.id, bob);
});

Deno.test("NetworkView configures nobody who names another node's WireGuard key", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob");
  await join(v, "bob");
  await join(v, "thief", { wg: bob.record.wg });
  await join(v, "sly", { wgNext: bob.record.wg });
  const alice = v.nodes.get(v.selfId)!.verified.record;
  await join(v, "mirror", { wg: alice.wg });
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob.id]);
});

Deno.test("NetworkView forgets what is gone, but never itself", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  const gate = await gateRecordOf(v.ledger, "fra");
  assert.equal((await v.gate(await signGateRecord(gate.record, gate.key))).change, "gates");
  assert.equal(v.forget(bob), "nodes");
  assert.equal(v.forget(gate.id), "gates");
  assert.equal(v.forget(v.selfId), "none");
  assert.deepEqual([...v.nodes.keys()], [v.selfId]);
});

Deno.test("NetworkView built from another node's copy of the ledger sees the same", async () => {
  const v = await view();
  await join(v, "bob");
  const copy = new NetworkView({
    selfId: v.selfId,
    ledger: await Ledger.open([...v.ledger.entries], { net: v.ledger.network.id }),
    now: () => NOW,
  });
  for (const known of v.nodes.values()) await copy.node(known.verified.jws);
  assert.deepEqual(copy.rights.peers(), v.rights.peers());
  assert.deepEqual(copy.rights.filter(), v.rights.filter());
});

Deno.test("NetworkView does not keep a node whose record it was checking when the node was revoked", async () => {
  for (let delay = 0; delay < 40; delay++) {
    const v = await view();
    const bob = await nodeRecordOf(v.ledger, "bob");
    const record = await signNodeRecord(bob.record, bob.key);
    const body = { what: "node" as const, key: bob.key.public };
    const revoke = await signEntry({ ledger: v.ledger, admin, kind: "revoke", body, iat: NOW });
    const taken = v.node(record).catch(() => {});
    for (let i = 0; i < delay; i++) await Promise.resolve();
    await v.entry(revoke);
    await taken;
    assert.equal(v.nodes.has(bob.id), false, `after ${delay} turns`);
  }
});

Deno.test("NetworkView does not take an older record back while it checks all of them", async () => {
  for (let delay = 0; delay < 40; delay++) {
    const v = await view();
    const bob = await nodeRecordOf(v.ledger, "bob");
    await join(v, "bob");
    const newer = await signNodeRecord({ ...bob.record, seq: 2 }, bob.key);
    const applied = entry(v, "policy", { format: "toml", source: STARTER_POLICY } as never);
    for (let i = 0; i < delay * 5; i++) await Promise.resolve();
    await v.node(newer);
    await applied;
    assert.equal(v.nodes.get(bob.id)!.verified.record.seq, 2, `after ${delay} turns`);
  }
});

Deno.test("NetworkView takes from a sender its own record only", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  const sybil = await nodeRecordOf(v.ledger, "sybil");
  const record = await signNodeRecord(sybil.record, sybil.key);
  await assert.rejects(v.node(record, { by: bob }), ghost("forbidden", /of itself only/));
  assert.equal(v.nodes.has(sybil.id), false);
  assert.equal((await v.node(record, { by: sybil.id })).change, "nodes");
});

Deno.test("NetworkView ends with the clock what ends by the clock, and takes it back when the clock was wrong", async () => {
  let now = NOW;
  const ledger = await network();
  await add(ledger, "policy", { format: "toml", source: STARTER_POLICY });
  const alice = await nodeRecordOf(ledger, "alice", { exp: NOW + 1000 });
  const v = new NetworkView({ selfId: alice.id, ledger, now: () => now });
  await v.node(await signNodeRecord(alice.record, alice.key));
  const bob = await join(v, "bob", { exp: NOW + 100 });
  const carol = await join(v, "carol");
  await entry(v, "node", { node: carol, expires: NOW + 200 } as never);
  const peers = () => v.rights.peers().map((p) => p.id).sort();
  assert.equal(v.lookAtClock(), "none");
  assert.deepEqual(peers(), [bob, carol].sort());
  now = NOW + 100;
  assert.equal(v.lookAtClock(), "nodes");
  assert.deepEqual(peers(), [carol]);
  now = NOW + 201;
  assert.equal(v.lookAtClock(), "nodes");
  assert.deepEqual(peers(), []);
  assert.notEqual(v.rights.filter(), null);
  now = NOW + 1000;
  assert.equal(v.lookAtClock(), "nodes");
  assert.equal(v.rights.filter(), null, "this node's own time is over as well");
  now = NOW;
  assert.equal(v.lookAtClock(), "nodes");
  assert.deepEqual(peers(), [bob, carol].sort());
});

Deno.test("NetworkView keeps the record of a node that is not admitted, and takes it when it is", async () => {
  const v = await view();
  const bob = await join(v, "bob");
  const open = '[[allow]]\nfrom = ["*"]\nto = ["*"]\n';
  await entry(
    v,
    "policy",
    {
      format: "toml",
      source: `${open}[[admit]]\nmethod = "oidc"\nissuer = "https://a.example"\nclient_id = "g"\n`,
    } as never,
  );
  assert.deepEqual(v.rights.peers(), []);
  assert.match(v.refused.find((n) => n.id === bob)!.why, /admits nobody by token/);
  await entry(v, "policy", { format: "toml", source: open } as never);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [bob]);
  assert.deepEqual(v.refused, []);
  const carl = await nodeRecordOf(v.ledger, "carl");
  await join(v, "carl");
  await entry(v, "revoke", { what: "node", key: carl.key.public } as never);
  assert.deepEqual(v.refused, [], "a revocation is for good");
});

Deno.test("NetworkView in a fork: keeps who is in, lets nobody new in, drops whom either branch revokes", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob");
  const carol = await nodeRecordOf(v.ledger, "carol");
  await join(v, "bob");
  await join(v, "carol");
  const other = await Ledger.open(v.ledger.entries);
  await entry(v, "policy", { format: "toml", source: `${STARTER_POLICY}\n# mine\n` } as never);
  const theirs = await add(other, "revoke", { what: "node", key: bob.key.public });
  assert.equal(await v.entry(theirs), "ledger");
  assert.equal(await v.entry(theirs), "none");
  assert.equal(v.ledger.fork?.seq, 4);
  assert.deepEqual(v.rights.peers().map((p) => p.id), [carol.id]);
  await assert.rejects(join(v, "dora"), (error) => ghost("not_admitted", /forked at entry 4/)(error));
  const gate = await gateRecordOf(v.ledger, "fra");
  await assert.rejects(v.gate(await signGateRecord(gate.record, gate.key)), (error) => ghost("not_admitted")(error));
  await join(v, "carol", { seq: 2 });

  // A restart: what was kept stays in, and still nobody else.
  const again = new NetworkView({
    selfId: v.selfId,
    ledger: await Ledger.open(v.ledger.entries, { evidence: v.ledger.evidence }),
    now: () => NOW,
  });
  await again.restore(
    { nodes: [...v.nodes.values()].map((n) => n.verified.jws), gates: [] },
    (error) => assert.fail(String(error)),
  );
  assert.deepEqual(again.rights.peers().map((p) => p.id), [carol.id]);
  await assert.rejects(join(again, "dora"), (error) => ghost("not_admitted")(error));

  const body = { seq: 4, keep: v.ledger.hashAt(4)!, drop: [other.hashAt(4)!] };
  await v.entry(await signEntry({ ledger: v.ledger, admin, kind: "resolve", body, iat: NOW }));
  assert.ok(!v.ledger.fork);
  await join(v, "dora");
  await join(v, "bob");
  assert.equal(v.rights.peers().length, 3);
});

Deno.test("NetworkView does not go back to an old record of a peer that was forgotten, nor after a restart", async () => {
  const v = await view();
  const bob = await nodeRecordOf(v.ledger, "bob");
  const sign = async (seq: number) => await signNodeRecord({ ...bob.record, seq }, bob.key);
  await v.node(await sign(5));
  v.forget(bob.id);
  assert.equal((await v.node(await sign(4))).change, "none");
  assert.equal(v.nodes.has(bob.id), false);
  assert.equal((await v.node(await sign(5))).change, "nodes");
  v.forget(bob.id);
  const again = await view();
  await again.restore({ nodes: [], gates: [], marks: v.marks.save(NOW) }, (error) => assert.fail(String(error)));
  assert.equal((await again.node(await sign(4))).change, "none");
  assert.equal((await again.node(await sign(6))).change, "nodes");
});

Deno.test("NetworkView keeps saved records that a wrong clock refuses, and takes them when it is set", async () => {
  for (const wrong of [5, NOW + 400 * 86_400]) {
    let now = wrong;
    const ledger = await network();
    await add(ledger, "policy", { format: "toml", source: STARTER_POLICY });
    const [alice, bob] = await Promise.all([nodeRecordOf(ledger, "alice"), nodeRecordOf(ledger, "bob")]);
    const saved = await Promise.all([alice, bob].map((n) => signNodeRecord(n.record, n.key)));
    const v = new NetworkView({ selfId: alice.id, ledger, now: () => now });
    await v.restore({ nodes: [...saved, "a.b.c"], gates: [] }, () => {});
    assert.deepEqual([v.nodes.size, v.saved.untimely.nodes], [0, saved], "what does not verify at all is not kept");
    assert.equal(await v.saved.retry(), false);
    now = NOW;
    assert.equal(await v.saved.retry(), true);
    assert.deepEqual(v.rights.peers().map((p) => p.id), [bob.id]);
    assert.deepEqual(v.saved.untimely.nodes, []);
  }
});
