import assert from "node:assert/strict";
import { appendLedger } from "../store/mod.ts";
import { twin } from "../store/testing.ts";
import { signEntry } from "../trust/ledger.ts";
import { type Machine, newApp, ok, type Received, refused, World } from "./testing.ts";
import { toNewEntry } from "./touch.ts";

/** Events as short texts: what they are and whom they concern. */
function brief(events: (Received | null)[], machines: Machine[]): string[] {
  const nameOf = (id: string) => machines.find((m) => m.id === id)?.name ?? id;
  return events.map((event) => {
    if (event === null) return "end";
    if (event.type === "node" || event.type === "gate") {
      const record = JSON.parse(atob(event.record.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
      return `${event.type} ${record.name}`;
    }
    if (event.type === "node-gone" || event.type === "gate-gone") return `${event.type} ${nameOf(event.id)}`;
    if (event.type === "mail") return `mail ${nameOf(event.from)} ${event.box}`;
    if (event.type === "synced") return event.snapshot ? "snapshot" : "resumed";
    return event.type;
  });
}

const POLICY = `[tags]
web = []
[[allow]]
from = ["tag:web"]
to = ["nas"]
`;

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

Deno.test("POST /v1/mail goes to whom one may see, lives a minute and is bounded", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const web = await world.grant({ tags: ["tag:web"] });
  const a = await world.node("a", web);
  const b = await world.node("b", web);
  const nas = await world.node("nas", await world.grant());
  const send = (to: string, box = "aGk") => world.call(a.key, "/v1/mail", { body: { to, box } });
  assert.equal(await refused(await send(b.id)), "404 not_found");
  assert.equal(await refused(await send(nas.id, "x".repeat(16_385))), "400 bad_input");
  const stream = await nas.sync({ ledger: 9 });
  await stream.upTo("synced");
  for (let i = 0; i < 64; i++) await ok(await send(nas.id, `box${i}`));
  assert.equal(await refused(await send(nas.id)), "429 too_many");
  for (let i = 0; i < 64; i++) assert.deepEqual(brief([await stream.next()], [a]), [`mail a box${i}`]);
  world.clock.ms += 60_001;
  await ok(await send(nas.id, "late"));
  assert.deepEqual(brief([await stream.next()], [a]), ["mail a late"]);
  await stream.close();
  world.clock.ms += 7_000;
  const again = await nas.sync({ ledger: 9 });
  const all = await again.upTo("synced");
  assert.deepEqual(brief(all, [a]), ["node a", "node b", "mail a late", "snapshot"]);
  assert.ok(all.some((event) => event.type === "mail" && event.kept === 7_000), "how long it lay there");
  await again.close();
  await world.app.close();
});

Deno.test("POST /v1/mail takes several boxes at once, which arrive in their order, all or none", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const a = await world.node("a", await world.grant({ tags: ["tag:web"] }));
  const nas = await world.node("nas", await world.grant());
  const send = (box: string[]) => world.call(a.key, "/v1/mail", { body: { to: nas.id, box } });
  const stream = await nas.sync({ ledger: 9 });
  await stream.upTo("synced");
  const many = Array.from({ length: 8 }, (_, i) => `box${i}`);
  for (let i = 0; i < 7; i++) await ok(await send(many));
  await ok(await send(["one"]));
  assert.equal(await refused(await send(many)), "429 too_many");
  await ok(await send(["last"]));
  for (const bad of [[], [...many, "box8"], ["x".repeat(16_385)]]) {
    assert.equal(await refused(await send(bad)), "400 bad_input");
  }
  const mails = [...Array.from({ length: 7 }, () => many).flat(), "one", "last"].map((box) => `mail a ${box}`);
  for (const mail of mails) assert.deepEqual(brief([await stream.next()], [a]), [mail]);
  await stream.close();
  await world.app.close();
});

Deno.test("POST /v1/mail crosses between nodes and gates, a few boxes of one sender, and never from gate to gate", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv, policy: POLICY });
  const a = await world.node("a", await world.grant());
  const gates = await world.grant({ gate: true, uses: 2 });
  const [gate, other] = [await world.machine("gate1", gates), await world.machine("gate2", gates)];
  for (const one of [gate, other]) await ok(await one.publishGate());
  const send = (from: typeof a, to: string) => world.call(from.key, "/v1/mail", { body: { to, box: "aGk" } });
  const stream = await gate.sync({ ledger: 9 });
  await stream.upTo("synced");
  for (let i = 0; i < 4; i++) await ok(await send(a, gate.id));
  assert.equal(await refused(await send(a, gate.id)), "429 too_many");
  for (let i = 0; i < 4; i++) assert.deepEqual(brief([await stream.next()], [a]), ["mail a aGk"]);
  await ok(await send(gate, a.id));
  assert.equal(await refused(await send(gate, other.id)), "404 not_found");
  assert.equal(await refused(await send(gate, gate.id)), "404 not_found");
  await stream.close();
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
