import assert from "node:assert/strict";
import type { Change } from "../wire/proposal.ts";
import { signApproval } from "../trust/approval.ts";
import { signEntry } from "../trust/ledger.ts";
import { newSigningKey, ok, World } from "./testing.ts";

/** Two admins of whom both are needed, and a change that one of them wants. */
async function world(kv: Deno.Kv) {
  const world = await World.make({ kv });
  const ben = await newSigningKey();
  const cam = await newSigningKey();
  await world.append("admin", { op: "add", key: ben.public, name: "ben", quorum: 2 });
  const change: Change = { kind: "admin", body: { op: "add", key: cam.public, name: "cam", quorum: 2 } };
  const base = world.ledger.head.hash;
  const consent = async (key = world.admin, of: Change = change) => {
    const proposal = { net: world.net, base, kind: of.kind, body: of.body };
    return await signApproval(proposal, { key, iat: world.clock.seconds });
  };
  const propose = async (key = world.admin, over: Record<string, unknown> = {}) =>
    await world.call(key, "/v1/proposals", { body: { base, change, approval: await consent(key), ...over } });
  const list = async (key = world.admin) => (await ok(await world.call(key, "/v1/proposals"))).proposals;
  return { world, ben, cam, change, base, consent, propose, list };
}

const refused = async (response: Response) => `${response.status} ${(await response.json()).code}`;

Deno.test("a change that needs two admins waits, and takes effect when both have signed", async () => {
  using kv = await Deno.openKv(":memory:");
  const { world: w, ben, cam, change, base, propose, list } = await world(kv);
  const { id } = await ok(await propose());
  await ok(await propose()); // once more changes nothing
  const waiting = await list(ben);
  assert.deepEqual(waiting.map((p: { id: string }) => p.id), [id]);
  assert.deepEqual([waiting[0].base, waiting[0].change, waiting[0].approvals.length], [base, change, 1]);
  assert.ok(!w.ledger.isAdmin(cam.public));

  const grantKey = await w.grant(); // others may come in between
  const approvals: string[] = waiting[0].approvals;
  const jws = await signEntry({
    ledger: w.ledger,
    admin: ben,
    kind: "admin",
    body: change.body as never,
    iat: w.clock.seconds,
    approvals,
  });
  await ok(await w.call(ben, "/v1/ledger", { body: { entries: [jws] } }));
  await w.ledger.append(jws);
  assert.ok(w.ledger.isAdmin(cam.public));
  assert.deepEqual(await list(), []);
  assert.equal(await refused(await propose()), "409 ledger_moved");
  assert.equal(await refused(await w.call(grantKey, "/v1/proposals")), "403 forbidden");
});

Deno.test("POST /v1/proposals takes an admin's own consent to what it says, and nothing else", async () => {
  using kv = await Deno.openKv(":memory:");
  const { ben, cam, change, consent, propose, list } = await world(kv);
  const other = { kind: "admin", body: { ...change.body, name: "x" } } as Change;
  assert.equal(await refused(await propose(cam)), "401 unauthorized");
  assert.equal(await refused(await propose(ben, { approval: await consent() })), "403 forbidden");
  assert.equal(await refused(await propose(ben, { approval: await consent(ben, other) })), "400 bad_ledger");
  assert.equal(await refused(await propose(ben, { base: cam.public })), "400 bad_ledger");
  assert.equal(await refused(await propose(ben, { change: { kind: "grant", body: {} } })), "400 bad_input");
  assert.deepEqual(await list(), []);
  const ids = await Promise.all([propose(), propose(ben)].map(async (r) => (await ok(await r)).id));
  assert.equal(new Set(ids).size, 1);
  assert.equal((await list())[0].approvals.length, 2);
});
