/** ghostctl on the machine of an admin of several networks. */
import assert from "node:assert/strict";
import { World } from "./world.ts";

Deno.test("ghostctl config: several networks on one machine, one of them meant by default", async () => {
  await using home = await World.make();
  await using work = await World.make();
  assert.equal((await home.init()).code, 0);
  const join = ["init", "--server", work.server, "--setup", work.setupCode, "--name", "work"];
  assert.equal((await home.ctl(...join)).code, 0);
  const torn = await home.ctl("token", "create");
  assert.equal(torn.code, 1);
  assert.match(torn.stderr, /Several networks .* ghostctl config use NAME/);
  assert.equal((await home.json("config", "use", "work")).network, "work");
  assert.equal((await home.json("token", "create")).ledgerSeq, 2);
  assert.equal((await (await work.app.network())!.replica.refresh()).ledger.head.seq, 2);
  assert.equal((await home.json("token", "create", "--network", "home")).ledgerSeq, 2);
  const { networks } = await home.json("config", "show");
  assert.deepEqual(networks.map((n: { name: string; default: boolean }) => [n.name, n.default]), [
    ["home", false],
    ["work", true],
  ]);
  assert.equal((await home.json("config", "check")).good, true);
  assert.equal((await home.ctl("config", "use", "nowhere")).code, 1);
  await Deno.chmod(`${home.dir}/ctl`, 0o755);
  const wrong = await home.ctl("config", "check");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /WRONG .*Others may look into this folder; chmod 700/);
});

Deno.test("ghostctl config check of a user without networks finds nothing wrong and calls no file good that is not there", async () => {
  await using world = await World.make();
  const none = await world.ctl("config", "check");
  assert.deepEqual([none.code, none.stdout], [
    0,
    `${world.dir}/ctl: not there yet, so no network is administered from here; see: ghostctl help init\n`,
  ]);
  assert.equal((await world.init()).code, 0);
  const { checks } = await world.json("config", "check");
  assert.deepEqual(checks.map(({ what }: { what: string }) => what), [
    `${world.dir}/ctl`,
    `home at https://${world.server}`,
  ]);
});
