/** Routes that admins sign and routes that the policy lets machines carry, by the verbs. */
import assert from "node:assert/strict";
import { withDaemon } from "./daemon.ts";
import { ok, World } from "./world.ts";

const POLICY = '[tags]\nrouter = []\n[routes]\n"10.1.0.0/16" = ["tag:router"]\n';

Deno.test("ghostctl route remove says when the policy still lets it", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("policy", "push", await world.file("a.toml", POLICY)));
  await world.join(await world.token("--tag", "tag:router"), "carol", { routes: ["10.1.1.0/24"] });
  for (const prefix of ["10.1.1.0/24", "10.2.2.0/24"]) ok(await world.ctl("route", "add", prefix, "via", "carol"));
  const gone = await world.ctl("route", "remove", "10.2.2.0/24");
  assert.match(ok(gone), /^10\.2\.2\.0\/24 no longer goes via carol \(ledger entry \d+\)\n$/);
  assert.equal(gone.stderr, "");
  const stays = await world.ctl("route", "remove", "10.1.1.0/24");
  assert.match(ok(stays), /^10\.1\.1\.0\/24 goes via carol no longer by an admin's word \(ledger entry \d+\)\n$/);
  const mend = "take it out of [routes], or on carol: ghostctl route advertise 10.1.1.0/24 --withdraw";
  assert.equal(stays.stderr, `ghostctl: it goes on by the policy: ${mend}\n`);
  const again = await world.ctl("route", "remove", "10.1.1.0/24");
  assert.equal(again.code, 1);
  assert.equal(again.stderr, `ghostctl: No admin signed 10.1.1.0/24: carol carries it by the policy; ${mend}\n`);
});

Deno.test("ghostctl route advertise asks for an admin's approval only where it is missing", async () => {
  for (const approved of [true, false]) {
    const advertise = () => Promise.resolve({ changed: true, routes: ["10.1.1.0/24"], approved });
    await withDaemon({ advertise }, async (ctl) => {
      const { code, stdout, stderr } = await ctl("route", "advertise", "10.1.1.0/24");
      assert.deepEqual([code, stdout], [0, "this machine announces 10.1.1.0/24\n"]);
      const asked = "ghostctl: an admin has to approve it: ghostctl route approve 10.1.1.0/24 via NAME\n";
      assert.equal(stderr, approved ? "" : asked);
      assert.equal((await ctl("route", "advertise", "10.1.1.0/24", "--withdraw")).stderr, "");
    });
  }
});

Deno.test("ghostctl ssh takes no port beyond 65535, and exit-node list says which one is in use", async () => {
  const exit = () =>
    Promise.resolve({
      use: { node: "b", name: "bob", ipv4: true, ipv6: true, lan: false, killSwitch: false, why: null },
      offer: { on: false, announced: [], approved: [] },
      exits: ["b", "c"].map((id) => ({ name: `exit-${id}`, id, ipv4: true, ipv6: false, online: true })),
      notes: [],
    });
  await withDaemon({ exit }, async (ctl) => {
    const { code, stderr } = await ctl("ssh", "--port", "99999", "bob");
    assert.equal(code, 2);
    assert.match(stderr, /^ghostctl: --port: Expected a whole number from 1 to 65535, got "99999"; /);
    const { stdout } = await ctl("exit-node", "list");
    assert.match(stdout, /^NAME +IPV4 +IPV6 +ONLINE +IN USE\nexit-b +yes +no +yes +yes\nexit-c +yes +no +yes +no\n$/);
  });
});
