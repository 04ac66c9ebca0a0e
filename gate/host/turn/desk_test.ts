import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import { boxKeyFromSeed, nodeIdOf, signingKeyFromSeed } from "../../../mesh/trust/keys.ts";
import { makeTurnAsk, openTurnGrant } from "../../../mesh/trust/turn_mail.ts";
import type { TurnGrantedCredentials } from "../../../mesh/wire/turn.ts";
import type { Member } from "../../core/event.ts";
import { LedgerJudge } from "../judge.ts";
import { random, seconds, TestNetwork, type TestNode } from "../testing.ts";
import { TurnDesk } from "./desk.ts";

async function scene(now: () => number = () => Date.now()) {
  const network = await TestNetwork.create();
  const [grant, key] = [await network.grant(), await signingKeyFromSeed(random(32))];
  const gate = await nodeIdOf(key.public);
  const judge = new LedgerJudge({
    key,
    ledger: network.ledger,
    catchUp: () => Promise.resolve(false),
    take: () => Promise.resolve(),
    exchange: () => Promise.resolve([]),
    now: () => Date.now(),
  });
  const mails: { to: string; box: string }[] = [];
  const secrets: string[] = [];
  const told: string[] = [];
  const checked: string[] = [];
  const given: TurnGrantedCredentials[] = [];
  const sessions = new Set<string>();
  const desk = new TurnDesk({
    net: network.id,
    gate,
    key,
    admit: (who) => judge.admit(who),
    recheck: (who) => (checked.push(who.key), judge.recheck(who)),
    mail: (to, box) => Promise.resolve(void mails.push({ to, box })),
    rotated: (secret) => secrets.push(secret),
    tell: (node, credentials) => sessions.has(node) && told.push(node) > 0 && given.push(credentials) > 0,
    log: createLog("ghostgate", { write: () => {} }),
    random,
    now,
    clock: now,
  });
  const node = async (name: string) => {
    const box = await boxKeyFromSeed(random(32));
    const made = await network.node(name, grant, { seal: box.public, exp: seconds() + 3600 });
    return { ...made, id: await nodeIdOf(made.key.public), box };
  };
  const ask = (by: TestNode, at = Date.now(), to = gate) =>
    makeTurnAsk({ ask: { v: 1, net: network.id, gate: to, at }, record: by.record, key: by.key });
  return { network, desk, judge, key, gate, mails, secrets, checked, told, given, sessions, node, ask };
}

Deno.test("TurnDesk answers a member's mailed ask with credentials that only that member can read", async () => {
  const { network, desk, key, gate, mails, node, ask } = await scene();
  const [alice, bob] = [await node("alice"), await node("bob")];
  await desk.mailed(alice.id, await ask(alice));
  assert.deepEqual(mails.map(({ to }) => to), [alice.id]);
  const open = (by: typeof alice) =>
    openTurnGrant(mails[0]!.box, {
      net: network.id,
      self: { id: by.id, key: by.box },
      gate: { id: gate, key: key.public },
    });
  const { username, expires } = await open(alice);
  assert.equal(username, `${expires}:${alice.id}`);
  assert.ok(expires <= seconds() + 3600, "no longer than the record");
  await assert.rejects(open(bob), { code: "bad_signature" });
});

Deno.test("attack: TurnDesk gives nothing in another's name, twice, for another gate, or to who is no member", async () => {
  const { desk, mails, node, ask } = await scene();
  const stranger = await (await scene()).node("stranger");
  const [alice, bob] = [await node("alice"), await node("bob")];
  const at = Date.now();
  await desk.mailed(bob.id, await ask(alice, at)); // bob hands alice's ask in
  await desk.mailed(bob.id, await ask({ ...bob, record: alice.record }, at)); // alice's record under bob's key
  await desk.mailed(alice.id, await ask(alice, at, bob.id));
  await desk.mailed(alice.id, await ask(alice, at - 400_000));
  await desk.mailed(stranger.id, await ask(stranger, at));
  await desk.mailed(alice.id, "nonsense");
  assert.deepEqual(mails, []);
  await desk.mailed(alice.id, await ask(alice, at));
  await desk.mailed(alice.id, await ask(alice, at));
  assert.equal(mails.length, 1);
});

Deno.test("TurnDesk replaces the secret once when a holder is revoked, and tells those who have sessions", async () => {
  const { network, desk, judge, secrets, told, sessions, node } = await scene();
  const [alice, bob, carol] = [await node("alice"), await node("bob"), await node("carol")];
  for (const one of [alice, bob]) {
    desk.issue(await judge.recheck({ key: one.key.public, record: one.record }), one.record);
  }
  sessions.add(bob.id);
  await network.append("revoke", { what: "node", key: carol.key.public });
  desk.revoked(carol.key.public);
  await desk.review();
  assert.deepEqual(secrets, [], "carol held none");
  await network.append("revoke", { what: "node", key: alice.key.public });
  desk.revoked(alice.key.public);
  await desk.review();
  assert.equal(secrets.length, 1);
  assert.notEqual(secrets[0], desk.secret);
  assert.deepEqual(told, [bob.id]);
});

Deno.test("attack: TurnDesk lets no credentials outlive a membership that was cut short", async () => {
  const { network, desk, judge, secrets, told, given, sessions, node } = await scene();
  const alice = await node("alice");
  const member = () => judge.recheck({ key: alice.key.public, record: alice.record });
  sessions.add(alice.id);
  desk.issue(await member(), alice.record);
  await desk.review();
  assert.deepEqual(secrets, []);
  const end = seconds() + 600;
  await network.append("node", { node: alice.id, expires: end });
  // Shorter ones do not take the longer ones back.
  assert.equal(desk.issue(await member(), alice.record).expires, end);
  await desk.review();
  assert.equal(secrets.length, 1);
  assert.deepEqual(told, [alice.id]);
  assert.equal(given[0]!.expires, end);
  await desk.review();
  assert.equal(secrets.length, 1);
});

Deno.test("TurnDesk checks no record that has just been checked", async () => {
  const { network, desk, judge, secrets, checked, node } = await scene();
  const [alice, bob] = [await node("alice"), await node("bob")];
  const held = new Map<string, Member>();
  for (const { key, record } of [alice, bob]) {
    const member = await judge.recheck({ key: key.public, record });
    desk.issue(member, record);
    held.set(record, member);
  }
  await desk.review(held);
  assert.deepEqual(checked, []);
  held.delete(bob.record);
  await network.append("revoke", { what: "node", key: bob.key.public });
  await desk.review(held);
  assert.deepEqual(checked, [bob.key.public]);
  assert.equal(secrets.length, 1);
});

Deno.test("TurnDesk forgets holders when what they hold has ended, though the ledger rests", async () => {
  let now = Date.now();
  const { desk } = await scene(() => now);
  const issue = (id: string, life: number) => desk.issue({ id, key: id, expires: now / 1000 + life }, "record");
  for (let n = 0; n < 50; n++) issue(`short ${n}`, 600);
  issue("long", 3_600);
  assert.equal(desk.holders, 51);
  now += 601_000;
  issue("new", 600);
  assert.equal(desk.holders, 2);
});
