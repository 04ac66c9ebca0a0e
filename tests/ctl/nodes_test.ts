/** What the verbs about machines refuse or remark, against a real coordinator. */
import assert from "node:assert/strict";
import { answering, STATUS } from "./daemon.ts";
import { ok, World } from "./world.ts";

Deno.test("ghostctl nodes rename takes no other machine's name unasked", async () => {
  await using world = await World.make();
  ok(await world.init());
  const alice = await world.join(await world.token(), "alice");
  const bob = await world.join(await world.token(), "bob");
  const refused = await world.ctl("nodes", "rename", "bob", "alice");
  assert.equal(refused.code, 1);
  assert.ok(refused.stderr.includes(`"alice" is the name of another machine, ${alice}; choose another`));
  assert.equal((await world.ledger()).nodeSettings(bob), undefined, "nothing was signed");
  assert.equal((await world.json("nodes", "rename", "bob", "bob")).changed, true, "its own name is nobody else's");
  assert.equal((await world.json("nodes", "rename", "bob", "alice", "--force")).changed, true);
  const { nodes } = await world.json("nodes", "list");
  assert.deepEqual(
    new Map(nodes.map(({ id, name }: { id: string; name: string }) => [id, name])),
    new Map([[alice, alice], [bob, "alice"]]),
  );
});

Deno.test("ghostctl nodes revoke asks for --yes when it is the machine that it is typed on", async () => {
  await using world = await World.make();
  ok(await world.init());
  const alice = await world.join(await world.token(), "alice");
  await world.join(await world.token(), "bob");
  const socket = `${world.dir}/ghostlink.sock`;
  const status = () => Promise.resolve({ ...STATUS, self: { ...STATUS.self, id: alice } });
  await using _ = await answering(socket, { status });
  const revoke = (...args: string[]) => world.ctl("nodes", "revoke", ...args, "--socket", socket);
  const { head } = await world.ledger();
  const refused = await revoke("alice");
  assert.equal(refused.code, 2);
  assert.equal(
    refused.stderr,
    "ghostctl: alice is this machine, and it would be out of the network for good; if that is meant: ghostctl nodes revoke alice --yes\n",
  );
  assert.equal((await world.ledger()).head.seq, head.seq, "nothing was signed");
  ok(await revoke("bob"));
  assert.match(ok(await revoke("alice", "--yes")), /^alice is revoked for good/);
});

Deno.test("tags that the policy in force does not know are given with a remark", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("policy", "push", await world.file("a.toml", "[tags]\nweb = []\n")));
  const known = await world.ctl("token", "create", "--tag", "tag:web");
  assert.doesNotMatch(known.stderr, /knows no/);
  const told = await world.ctl("token", "create", "--tag", "tag:foo", "--tag", "tag:web");
  assert.match(told.stderr, /the policy in force knows no tag:foo, so no rule names it; define it there: \[tags\]/);
  await world.join(ok(told).trim(), "bob");
  const tagged = await world.ctl("nodes", "tag", "bob", "--add", "tag:nonex", "--remove", "tag:foo");
  assert.match(ok(tagged), /^bob carries tag:nonex, tag:web /);
  assert.match(tagged.stderr, /knows no tag:nonex/);
  assert.equal((await world.ctl("nodes", "tag", "bob", "--remove", "tag:nonex")).stderr, "");
});

Deno.test("ghostctl admin add and remove: one name for one admin, and no refusal that names internal places", async () => {
  await using world = await World.make();
  ok(await world.init());
  const { admins: [{ name: founder, key: own }] } = await world.json("admin", "list");
  const { key } = await world.somebody("ben");
  const last = await world.ctl("admin", "remove", founder);
  assert.deepEqual([last.code, last.stderr], [
    1,
    `ghostctl: ${founder} is the last admin, and a network needs one; make somebody else an admin before: ghostctl admin add KEY --name NAME\n`,
  ]);
  const twin = await world.ctl("admin", "add", key, "--name", founder);
  assert.deepEqual([twin.code, twin.stderr], [
    1,
    `ghostctl: "${founder}" is the name of another admin, ${own}; choose another name\n`,
  ]);
  const add = (name: string, ...more: string[]) => world.ctl("admin", "add", key, "--name", name, ...more);
  assert.match(
    (await add("ben", "--quorum", "3")).stderr,
    /--quorum: At most 2, as many as there would be admins, got 3/,
  );
  assert.match(ok(await add("ben")), /^ben is an admin \(ledger entry 2\)/);
  assert.equal(ok(await add("ben")), "ben is an admin already\n");
  assert.match(ok(await add("benny")), /^benny is an admin as before, called ben until now \(ledger entry 3\)/);
  assert.match((await world.ctl("admin", "remove", "benny", "--quorum", "2")).stderr, /--quorum: At most 1, as many/);
  ok(await world.ctl("admin", "remove", "benny"));
});
