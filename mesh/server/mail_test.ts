import assert from "node:assert/strict";
import { ok, refused, World } from "./testing.ts";
import { brief, POLICY } from "./testing_events.ts";

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
  assert.ok(all.some((event) => event.type === "mail" && event.kept === 7_000));
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
  world.clock.ms += 60_001;
  const atOnce = await Promise.all(Array.from({ length: 20 }, () => send(many)));
  assert.equal(atOnce.filter(({ status }) => status === 200).length, 8);
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
