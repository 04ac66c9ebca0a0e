import assert from "node:assert/strict";
import { appendLedger } from "../store/mod.ts";
import { twin } from "../store/testing.ts";
import { signEntry } from "../trust/ledger.ts";
import { newApp, ok, type Received, refused, World } from "./testing.ts";
import { brief, POLICY } from "./testing_events.ts";
import { toNewEntry } from "./touch.ts";

Deno.test("GET /v1/sync: a snapshot, then deltas, and each reader only what it may see", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const web = await world.grant({ tags: ["tag:web"] });
  const plain = await world.grant();
  const a = await world.node("a", web);
  const lone = await world.node("lone", plain);
  const gate = await world.machine("gate1", await world.grant({ gate: true }));
  await ok(await gate.publishGate());
  const nas = await world.machine("nas", plain);
  const all = [a, lone, gate, nas];

  const eyes = await a.sync({ ledger: 3 });
  assert.deepEqual(brief(await eyes.upTo("synced"), all), ["ledger", "ledger", "gate gate1", "snapshot"]);
  const blind = await lone.sync({ ledger: 5 });
  assert.deepEqual(brief(await blind.upTo("synced"), all), ["gate gate1", "snapshot"]);
  const gates = await gate.sync();
  assert.deepEqual(brief(await gates.upTo("synced"), all), [...Array(5).fill("ledger"), "snapshot"]);

  await ok(await nas.publish());
  assert.deepEqual(brief([await eyes.next()], all), ["node nas"]);
  await ok(await nas.publish({ routes: ["10.1.1.0/24"] }));
  assert.deepEqual(brief([await eyes.next()], all), ["node nas"]);
  await ok(await nas.publish({ name: "other" })); // no rule names it any more
  assert.deepEqual(brief([await eyes.next()], all), ["node-gone nas"]);
  await ok(await nas.publish());
  assert.deepEqual(brief([await eyes.next()], all), ["node nas"]);

  // A new policy changes who sees whom; the entry comes before what follows from it.
  await world.append("policy", { format: "toml", source: POLICY.replace("nas", "lone") });
  assert.deepEqual(brief([await eyes.next(), await eyes.next(), await eyes.next()], all).sort(), [
    "ledger",
    "node lone",
    "node-gone nas",
  ]);
  assert.deepEqual(brief([await blind.next(), await blind.next()], all), ["ledger", "node a"]);
  assert.deepEqual(brief([await gates.next()], all), ["ledger"]);

  // Tags that an admin changes count at once, on both sides.
  await world.append("node", { node: a.id, tags: [] });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], all), ["ledger", "node-gone lone"]);
  assert.deepEqual(brief([await blind.next(), await blind.next()], all), ["ledger", "node-gone a"]);
  await world.append("node", { node: a.id });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], all), ["ledger", "node lone"]);
  assert.deepEqual(brief([await blind.next(), await blind.next()], all), ["ledger", "node a"]);

  // A revoked node learns that it was, and its stream ends.
  await world.append("revoke", { what: "node", key: lone.key.public });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], all), ["ledger", "node-gone lone"]);
  assert.deepEqual(brief([await blind.next(), await blind.next(), await blind.next()], all), [
    "ledger",
    "node-gone a",
    "end",
  ]);
  assert.equal(await refused(await world.call(lone.key, "/v1/sync")), "403 revoked");
  await world.append("revoke", { what: "gate", key: gate.key.public });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], all), ["ledger", "gate-gone gate1"]);
  await world.app.close();
  assert.equal(await eyes.next(), null);
});

Deno.test("GET /v1/sync: a route makes its carrier seen by those whose rules use it", async () => {
  using kv = await Deno.openKv(":memory:");
  const policy = `[tags]\nweb = []\n[[allow]]\nfrom = ["tag:web"]\nto = ["10.1.1.0/24"]\n`;
  const world = await World.make({ kv, policy });
  const a = await world.node("a", await world.grant({ tags: ["tag:web"] }));
  const carol = await world.node("carol", await world.grant());
  const eyes = await a.sync({ ledger: 99 });
  assert.deepEqual(brief(await eyes.upTo("synced"), [a, carol]), ["snapshot"]);
  const route = { prefix: "10.1.1.0/24", node: carol.id, metric: 0, snat: true };
  await world.append("route", { ...route, op: "add" });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], [a, carol]), ["ledger", "node carol"]);
  await world.append("route", { ...route, op: "remove" });
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], [a, carol]), ["ledger", "node-gone carol"]);
  await world.app.close();
});

Deno.test("GET /v1/sync: what a machine announces counts for as long as the policy approves it of this machine", async () => {
  using kv = await Deno.openKv(":memory:");
  const policy = `[tags]
web = []
router = []
[routes]
"10.1.0.0/16" = ["tag:router"]
[[allow]]
from = ["tag:web"]
to = ["10.1.1.0/24"]
`;
  const world = await World.make({ kv, policy });
  const a = await world.node("a", await world.grant({ tags: ["tag:web"] }));
  const r = await world.machine("r", await world.grant());
  await ok(await r.publish({ routes: ["10.1.1.0/24"] }));
  const eyes = await a.sync({ ledger: 99 });
  assert.deepEqual(brief(await eyes.upTo("synced"), [a, r]), ["snapshot"]);
  const seen = async () => (await ok(await world.call(a.key, "/v1/nodes"))).records.length;
  await world.append("node", { node: r.id, tags: ["tag:router"] });
  assert.equal(await seen(), 1);
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], [a, r]), ["ledger", "node r"]);
  await world.append("node", { node: r.id, tags: [] });
  assert.equal(await seen(), 0);
  assert.deepEqual(brief([await eyes.next(), await eyes.next()], [a, r]), ["ledger", "node-gone r"]);
  await world.app.close();
});

Deno.test("a policy that the coordinator cannot use, past its door, leaves the one before in force", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const a = await world.node("a", await world.grant({ tags: ["tag:web"] }));
  await world.node("nas", await world.grant());
  const seenBy = async (through: World) => (await ok(await through.call(a.key, "/v1/nodes"))).records.length;
  const fallen = `${POLICY}[[test]]\nfrom = "tag:web"\ndeny = ["nas"]\n`;
  for (const source of ["[of_a_later_version]\n", fallen]) {
    const body = { format: "toml" as const, source };
    const jws = await signEntry({
      ledger: world.ledger,
      admin: world.admin,
      kind: "policy",
      body,
      iat: world.clock.seconds,
    });
    assert.equal(
      await refused(await world.call(world.admin, "/v1/ledger", { body: { entries: [jws] } })),
      "422 bad_policy",
    );
    const base = world.ledger.head;
    await world.ledger.append(jws); // as an instance of another version takes it
    await appendLedger(kv, world.net, { base, next: world.ledger.head, entries: [await toNewEntry(jws, null)] });
    assert.equal(await seenBy(world), 1);
    const started = newApp(twin(kv), { clock: world.clock });
    assert.equal(await seenBy(world.through(started)), 1);
    await started.close();
  }
  await world.append("policy", { format: "toml", source: POLICY.replace("nas", "other") });
  assert.equal(await seenBy(world), 0);
  await world.app.close();
});

Deno.test("GET /v1/sync: Last-Event-ID brings only what was missed, from any instance", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const token = await world.grant();
  const a = await world.node("a", token);
  const b = await world.node("b", token);
  const stream = await a.sync();
  assert.deepEqual(brief(await stream.upTo("synced"), [a, b]), ["ledger", "ledger", "ledger", "node b", "snapshot"]);
  await stream.close();
  const c = await world.node("c", token);
  await ok(await b.publish({ os: "new" }));
  await world.grant();
  await ok(await world.call(b.key, "/v1/mail", { body: { to: a.id, box: "aGk" } }));
  await ok(await world.call(c.key, "/v1/mail", { body: { to: b.id, box: "bm8" } }));

  const second = newApp(twin(kv), { clock: world.clock });
  const resumed = await a.at(world.through(second)).sync({ cursor: stream.cursor!, ledger: 3 });
  assert.deepEqual(brief(await resumed.upTo("synced"), [a, b, c]), [
    "ledger",
    "node c",
    "node b",
    "mail b aGk",
    "resumed",
  ]);
  assert.ok(Number(resumed.cursor) > Number(stream.cursor));
  // A change through one instance reaches a stream of the other.
  await ok(await c.publish({ os: "new" }));
  assert.deepEqual(brief([await resumed.next()], [a, b, c]), ["node c"]);
  await resumed.close();
  const nothing = await a.sync({ cursor: resumed.cursor! });
  assert.deepEqual(brief(await nothing.upTo("synced"), []), ["resumed"]);
  await nothing.close();
  await second.close();
  await world.app.close();
});

Deno.test("GET /v1/sync: what cannot be told exactly, and a cursor that is not known, bring a new snapshot", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const web = await world.grant({ tags: ["tag:web"] });
  const a = await world.node("a", web);
  const b = await world.node("b", web);
  const nas = await world.node("nas", await world.grant());
  const all = [a, b, nas];
  const stream = await a.sync({ ledger: 4 });
  assert.deepEqual(brief(await stream.upTo("synced"), all), ["node nas", "snapshot"]);
  await stream.close();
  const resume = async (ledger: number) => {
    const again = await a.sync({ cursor: stream.cursor!, ledger });
    const events = brief(await again.upTo("synced"), all);
    await again.close();
    return events;
  };
  const c = await world.node("c", web); // one that it could never see is not told of
  assert.deepEqual(await resume(4), ["resumed"]);
  await ok(await c.publish({ name: "d" }));
  assert.deepEqual(await resume(4), ["node nas", "snapshot"]);
  await ok(await nas.publish({ name: "gone" }));
  assert.deepEqual(await resume(4), ["snapshot"]);
  await world.append("policy", { format: "toml", source: POLICY.replace("nas", "gone") });
  assert.deepEqual(await resume(4), ["ledger", "node gone", "snapshot"]);
  for (const cursor of ["0", "999999"]) {
    const again = await a.sync({ cursor, ledger: 5 });
    assert.deepEqual(brief(await again.upTo("synced"), all), ["node gone", "snapshot"]);
    await again.close();
  }
  assert.equal(
    await refused(await world.call(a.key, "/v1/sync?ledger=0", { headers: { "last-event-id": "x" } })),
    "400 bad_input",
  );
  await world.app.close();
});

Deno.test("GET /v1/sync cuts a reader that does not read, and it resumes", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const token = await world.grant();
  const [a, b] = [await world.node("a", token), await world.node("b", token)];
  const stream = await a.sync({ ledger: 99 });
  await stream.upTo("synced");
  const padding = `# ${"x".repeat(700_000)}\n[[allow]]\nfrom = ["*"]\nto = ["*"]\n`;
  for (let i = 0; i < 6; i++) await world.append("policy", { format: "toml", source: `# ${i}\n${padding}` });
  // Five entries of a megabyte are more than may wait for a reader.
  const got: (Received | null)[] = [];
  do got.push(await stream.next()); while (got.at(-1) !== null);
  assert.ok(got.length < 7, `${got.length} events`);
  const again = await a.sync({ cursor: stream.cursor!, ledger: 3 });
  const events = await again.upTo("synced");
  assert.deepEqual(brief(events.slice(-2), [a, b]), ["node b", "snapshot"]);
  await again.close();
  await world.app.close();
});

Deno.test("GET /v1/sync sends comments and ends the oldest of too many streams of one machine", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, config: { heartbeat: 5 } });
  const a = await world.node("a", await world.grant());
  const response = await world.call(a.key, "/v1/sync?ledger=9");
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    if (text.endsWith(":\n\n:\n\n")) break;
  }
  const streams = [];
  for (let i = 0; i < 4; i++) streams.push(await a.sync({ ledger: 9 }));
  assert.equal(await streams[0]!.upTo("synced").catch(() => null), null);
  await streams[3]!.upTo("synced");
  await world.app.close();
});
