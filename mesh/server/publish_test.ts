import assert from "node:assert/strict";
import { ipv4Of } from "../trust/address.ts";
import { boxKeyFromSeed } from "../trust/keys.ts";
import { twin } from "../store/testing.ts";
import { newApp, ok, OPEN_POLICY, random, refused, World } from "./testing.ts";

Deno.test("POST /v1/nodes: of parallel joins with a one-use token exactly one succeeds, and it may come again", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const second = world.through(newApp(twin(kv), { clock: world.clock }));
  const token = await world.grant({ uses: 1, expires: world.clock.seconds + 60 });
  const machines = await Promise.all(Array.from({ length: 12 }, (_, i) => world.machine(`m${i}`, token)));
  const answers = await Promise.all(machines.map((m, i) => m.at(i % 2 ? second : world).publish()));
  const won = answers.findIndex((a) => a.status === 200);
  for (const [i, answer] of answers.entries()) {
    if (i !== won) assert.equal(await refused(answer), "403 token_used_up");
  }
  assert.equal(answers.filter((a) => a.status === 200).length, 1);
  // A member renews its record after the token is used up and expired.
  world.clock.ms += 3_600_000;
  machines[won]!.seq = 1;
  await ok(await machines[won]!.publish());
  assert.equal((await ok(await world.call(world.admin, "/v1/nodes"))).records.length, 1);
});

Deno.test("POST /v1/nodes: the same record again is no error, an older one is stale", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const node = await world.machine("nas", await world.grant());
  const record = await node.record();
  const send = (record: string) => world.call(node.key, "/v1/nodes", { body: { record } });
  assert.equal((await ok(await send(record))).id, node.id);
  assert.equal((await ok(await send(record))).id, node.id);
  assert.equal(await refused(await send(await node.record({ seq: 1, os: "other" }))), "409 stale_record");
  await ok(await send(await node.record({ seq: 7 })));
  assert.equal(await refused(await send(record)), "409 stale_record");
});

Deno.test("POST /v1/nodes: names, addresses and WireGuard keys belong to whoever came first", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const token = await world.grant();
  const nas = await world.node("nas", token);
  const other = await world.machine("nas", token);
  assert.equal(await refused(await other.publish()), "409 name_taken");
  assert.equal(await refused(await other.publish({ name: "nas2", wg: nas.wg.public })), "400 bad_record");
  await ok(await other.publish({ name: "nas2" }));
  await ok(await nas.publish({ name: "store" })); // lets go of its old name
  await ok(await other.publish({ name: "nas" }));
  const next = await boxKeyFromSeed(random(32));
  await ok(await nas.publish({ name: "store", wgNext: next.public }));
  assert.equal(await refused(await other.publish({ name: "nas", wg: next.public })), "400 bad_record");
  await world.append("revoke", { what: "node", key: nas.key.public });
  await ok(await other.publish({ name: "store" }));
  assert.equal(await refused(await nas.publish()), "403 revoked");
});

Deno.test("POST /v1/nodes: an IPv4 address that is taken is refused, and an admin's word settles it", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const token = await world.grant();
  const first = await world.node("one", token);
  const second = await world.machine("two", token);
  const wanted = (await ipv4Of(world.net, second.id, 0, world.ledger.network.ipv4))!;
  // Grinding two ids onto one address takes long; an admin's settlement reserves an address just the same.
  await world.append("node", { node: first.id, ipv4: wanted, name: "chief" });
  assert.equal(await refused(await second.publish()), "409 address_taken");
  assert.equal(await refused(await second.publish({ ipv4: null, name: "chief" })), "409 name_taken");
  await ok(await second.publish({ ipv4: await ipv4Of(world.net, second.id, 1, world.ledger.network.ipv4) }));
  await ok(await first.publish({ ipv4: wanted }));
});

Deno.test("POST /v1/nodes refuses what does not belong", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const { clock } = world;
  const expired = await world.grant({ expires: clock.seconds + 60 });
  const gate = await world.grant({ gate: true });
  const late = await world.machine("late", expired);
  clock.ms += 61_000;
  assert.equal(await refused(await late.publish()), "403 token_expired");
  assert.equal(await refused(await (await world.machine("late", expired)).publish()), "403 token_expired");
  assert.equal(await refused(await world.call(expired, "/v1/ledger")), "403 token_expired");
  assert.equal(await refused(await (await world.machine("gate", gate)).publish()), "403 not_admitted");
  const token = await world.grant();
  const node = await world.machine("node", token);
  assert.equal(await refused(await (await world.machine("gate", token)).publishGate()), "403 not_admitted");
  assert.equal(await refused(await node.publish({ iat: clock.seconds + 301 })), "401 clock_skew");
  assert.equal(await refused(await node.publish({ exp: clock.seconds })), "400 bad_record");
  assert.equal(await refused(await node.publish({ tags: ["tag:web"] })), "403 not_admitted");
  assert.equal(await refused(await node.publish({ net: "a".repeat(32) })), "409 wrong_network");
  const thief = await world.machine("thief", token);
  const stolen = await world.call(thief.key, "/v1/nodes", { body: { record: await node.record() } });
  assert.equal(await refused(stolen), "403 forbidden");
  await world.append("revoke", { what: "grant", key: token.public });
  assert.equal(await refused(await node.publish()), "403 revoked");
  assert.equal(await refused(await world.call(token, "/v1/ledger")), "403 revoked");
  assert.equal((await ok(await world.call(world.admin, "/v1/nodes"))).records.length, 0);
});

Deno.test("POST /v1/nodes: a policy without the static way in admits nobody by token", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const node = await world.machine("node", await world.grant());
  await world.append("policy", { format: "toml", source: `admit = []\n${OPEN_POLICY}` });
  assert.equal(await refused(await node.publish()), "403 not_admitted");
  await world.append("policy", { format: "toml", source: `${OPEN_POLICY}[[admit]]\nmethod = "static"\n` });
  await ok(await node.publish());
});

Deno.test("POST /v1/gates and GET /v1/gates: gates are there for everybody who is admitted", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const gate = await world.machine("gate1", await world.grant({ gate: true, uses: 1 }));
  await ok(await gate.publishGate());
  await ok(await gate.publishGate({ region: "eu" }));
  const node = await world.node("one", await world.grant());
  for (const key of [node.key, world.admin, gate.key]) {
    assert.equal((await ok(await world.call(key, "/v1/gates"))).records.length, 1);
  }
  assert.equal(await refused(await world.call(gate.key, "/v1/nodes")), "403 forbidden");
  assert.equal(await refused(await world.call(await world.grant(), "/v1/gates")), "403 forbidden");
  await world.append("revoke", { what: "gate", key: gate.key.public });
  assert.equal((await ok(await world.call(node.key, "/v1/gates"))).records.length, 0);
});

Deno.test("GET /v1/nodes shows a node what policy lets it see", async () => {
  using kv = await Deno.openKv(":memory:");
  const policy = `[tags]\nweb = []\n[[allow]]\nfrom = ["tag:web"]\nto = ["nas"]\n`;
  const world = await World.make({ kv, policy });
  const web = await world.grant({ tags: ["tag:web"] });
  const plain = await world.grant();
  const [a, b, nas, lone] = [
    await world.node("a", web),
    await world.node("b", web),
    await world.node("nas", plain),
    await world.node("lone", plain),
  ];
  const count = async (key: typeof a.key) => (await ok(await world.call(key, "/v1/nodes"))).records.length;
  assert.deepEqual(await Promise.all([a, b, nas, lone].map(({ key }) => count(key))), [1, 1, 2, 0]);
  assert.equal(await count(world.admin), 4);
  world.clock.ms += 86_401_000; // records expire
  assert.equal(await refused(await world.call(a.key, "/v1/nodes")), "403 not_admitted");
  await ok(await nas.publish());
  assert.equal(await count(nas.key), 0);
  await ok(await a.publish());
  assert.equal(await count(nas.key), 1);
});

Deno.test("POST /v1/nodes: a lapsed ephemeral node is forgotten and its name is free", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const job = await world.grant({ ephemeral: true });
  await world.node("job", job);
  const again = await world.machine("job", job);
  assert.equal(await refused(await again.publish()), "409 name_taken");
  world.clock.ms += 86_400_000 + 3_601_000;
  await ok(await again.publish());
  await world.node("other", job);
  assert.equal((await ok(await world.call(world.admin, "/v1/nodes"))).records.length, 2);
});

Deno.test("GET /v1/nodes: who came by a way in that the policy has closed since is out, and in again when it opens", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const token = await world.grant();
  const [a] = [await world.node("a", token), await world.node("b", token)];
  const count = async () => (await ok(await world.call(a.key, "/v1/nodes"))).records.length;
  assert.equal(await count(), 1);
  await world.append("policy", { format: "toml", source: `admit = []\n${OPEN_POLICY}` });
  assert.equal(await refused(await world.call(a.key, "/v1/nodes")), "403 not_admitted");
  assert.equal((await ok(await world.call(world.admin, "/v1/nodes"))).records.length, 0);
  await world.append("policy", { format: "toml", source: OPEN_POLICY });
  assert.equal(await count(), 1);
});
