/** Machines that were let in and are not in any more, by the admin verbs. */
import assert from "node:assert/strict";
import { ok, World } from "./world.ts";

const AN_HOUR = '[tags]\nx = []\n[expiry]\nstatic = "1h"\n[[allow]]\nfrom = ["*"]\nto = ["*"]\n';

Deno.test("ghostctl nodes expire NAME now is undone by a later time, and such a machine can be revoked", async () => {
  await using world = await World.make();
  ok(await world.init());
  const join = async (name: string, ago: number) => await world.join(await world.token(), name, { ago });
  const [bob, carol] = [await join("bob", 0), await join("carol", 3600)];
  const machines = async () =>
    (await world.json("nodes", "list")).nodes.map(({ name, expires }: { name: string; expires: string }) => {
      assert.ok(Date.parse(expires) > Date.now());
      return name;
    });
  const ends = async (name: string, when: string) => {
    ok(await world.ctl("nodes", "expire", name, when));
    const { expires } = (await world.ledger()).nodeSettings(bob)!;
    return expires === undefined ? null : expires - Date.now() / 1000;
  };
  const over = async () => await new Promise((done) => setTimeout(done, 1100)); // an end counts from the next second on
  assert.ok(await ends("bob", "now") as number <= 0);
  await over();
  assert.deepEqual(await machines(), ["carol"]);
  const { notAdmitted } = await world.json("nodes", "list");
  assert.deepEqual(notAdmitted.map(({ name, id }: { name: string; id: string }) => [name, id]), [["bob", bob]]);
  assert.ok(await ends("bob", "30d") as number > 29 * 86_400);
  assert.deepEqual(await machines(), ["bob", "carol"]);
  await ends("bob", "now");
  await over();
  assert.equal(await ends(bob, "never"), null);
  assert.deepEqual(await machines(), ["bob", "carol"]);
  await ends("bob", "now");
  await over();
  assert.match((await world.ctl("nodes", "tag", "bob", "--add", "tag:x")).stderr, /No machine "bob"/);
  const shown = await world.ctl("nodes", "show", "bob");
  assert.equal(shown.code, 1);
  assert.ok(shown.stderr.includes(`bob (${bob}) is known and not admitted: `), shown.stderr);
  assert.match((await world.ctl("nodes", "show", "nobody")).stderr, /No machine "nobody"/);
  assert.equal((await world.json("nodes", "revoke", "bob")).changed, true);
  assert.equal((await world.json("nodes", "revoke", bob)).changed, false);
  assert.match((await world.ctl("nodes", "expire", bob, "30d")).stderr, /bob was revoked, which is for good/);
  // Of whom no admin has said anything, a record's own name is not believed: a lying coordinator could show any.
  ok(await world.ctl("policy", "push", "--force", await world.file("a.toml", AN_HOUR)));
  const unsure = await world.ctl("nodes", "expire", "carol", "30d");
  assert.equal(unsure.code, 1);
  assert.ok(unsure.stderr.includes(`No machine "carol" is admitted; one that calls itself so has the id ${carol};`));
  ok(await world.ctl("nodes", "expire", carol, "30d"));
  assert.deepEqual(await machines(), ["carol"]);
  ok(await world.ctl("nodes", "tag", "carol", "--add", "tag:x"));
});
