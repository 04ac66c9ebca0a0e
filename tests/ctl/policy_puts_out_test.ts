/** A policy that puts machines out, or undoes what a colleague signed: told by diff, and not signed unasked. */
import assert from "node:assert/strict";
import { ok, World } from "./world.ts";

const ALL = '[[allow]]\nfrom = ["*"]\nto = ["*"]\n';
const OIDC = `${ALL}[[admit]]\nmethod = "oidc"\nissuer = "https://login.example.com"\nclient_id = "ghostmesh"\n`;

async function withMachines(ago = 0): Promise<World> {
  const world = await World.make();
  ok(await world.init());
  const token = await world.token("--uses", "2");
  for (const name of ["alice", "bob"]) await world.join(token, name, { ago });
  return world;
}

const seqOf = async (world: World) => (await world.ledger()).head.seq;

Deno.test("a first [[admit]] that leaves tokens out puts all machines out: diff says so, push refuses, nodes list tells of them", async () => {
  await using world = await withMachines();
  const file = await world.file("acls.toml", OIDC);
  const before = await seqOf(world);
  const diff = await world.ctl("policy", "diff", file);
  const why = "(The network's policy admits nobody by token)";
  assert.equal(ok(diff), `puts out alice, bob ${why}\n`);
  assert.match(
    diff.stderr,
    /join tokens let in no machine any more; to keep them, add \[\[admit\]\] method = "static"/,
  );
  const { putsOut } = await world.json("policy", "diff", file);
  assert.deepEqual(putsOut.map((one: { name: string; what: string }) => [one.name, one.what]), [
    ["alice", "machine"],
    ["bob", "machine"],
  ]);
  const refused = await world.ctl("policy", "push", file);
  assert.equal(refused.code, 1);
  assert.ok(refused.stderr.includes(`This policy puts out alice, bob ${why}; change its [[admit]]`), refused.stderr);
  assert.equal(await seqOf(world), before, "nothing was signed");
  const forced = await world.ctl("policy", "push", file, "--force");
  ok(forced);
  assert.ok(forced.stderr.startsWith(`ghostctl: puts out alice, bob ${why}\n`), forced.stderr);
  const listed = await world.ctl("nodes", "list");
  assert.equal(ok(listed), "no machine is admitted\n");
  assert.match(
    listed.stderr,
    /2 machines are known and not admitted: alice, bob: .*admits nobody by token; an admin can/,
  );
  const { notAdmitted } = await world.json("nodes", "list");
  assert.deepEqual(notAdmitted.map(({ name }: { name: string }) => name), ["alice", "bob"]);
  // The way back puts nobody out, and with tokens kept there is nothing to say.
  const kept = await world.file("kept.toml", `${OIDC}[[admit]]\nmethod = "static"\n`);
  ok(await world.ctl("policy", "push", kept));
  const back = await world.ctl("nodes", "list");
  assert.match(ok(back), /^alice .*\nbob /m);
  assert.equal(back.stderr, "");
  const past = await world.ctl("policy", "rollback", `${before + 1}`);
  assert.deepEqual([past.code, /This policy puts out alice, bob .*; add --force to put them out/.test(past.stderr)], [
    1,
    true,
  ]);
  const pushed = await world.ctl("policy", "rollback", `${before + 1}`, "--force");
  ok(pushed);
  assert.ok(pushed.stderr.startsWith(`ghostctl: puts out alice, bob ${why}\n`), pushed.stderr);
  assert.equal((await world.json("policy", "rollback", "1")).changed, true);
  // Who was revoked is out on purpose.
  ok(await world.ctl("nodes", "revoke", "bob"));
  assert.equal((await world.ctl("nodes", "list")).stderr, "");
});

Deno.test("an [expiry] that has ended for machines that are in is told of and not signed unasked", async () => {
  await using world = await withMachines(3600);
  const file = await world.file("acls.toml", `${ALL}[expiry]\nstatic = "1m"\n`);
  // Together, or one after the other where the two joined in different seconds.
  const both = /puts out alice(, bob| \(Its key has expired at [^)]+\)[^]{1,40}bob) \(Its key has expired at /;
  assert.match(ok(await world.ctl("policy", "diff", file)), both);
  const refused = await world.ctl("policy", "push", file);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, both);
  assert.match(refused.stderr, /or add --force to put them out/);
  ok(await world.ctl("policy", "push", await world.file("acls.toml", `${ALL}[expiry]\nstatic = "2h"\n`)));
});

Deno.test("a file that was never pulled replaces the starter and one's own policy, and another admin's with --force only", async () => {
  await using world = await World.make();
  ok(await world.init());
  const { flags: ben, key } = await world.somebody("ben");
  ok(await world.ctl("admin", "add", key, "--name", "ben"));
  ok(await world.ctl("policy", "push", await world.file("bens.toml", ALL), ...ben)); // the starter was in force
  const mine = await world.file("mine.toml", `${ALL}# mine\n`);
  const refused = await world.ctl("policy", "push", mine);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /mine\.toml: This file was never pulled, and the policy in force is another admin's: entry 3; see: ghostctl policy diff/,
  );
  ok(await world.ctl("policy", "push", await world.file("bens-other.toml", `${ALL}# ben\n`), ...ben));
  ok(await world.ctl("policy", "push", mine, "--force"));
  ok(await world.ctl("policy", "push", await world.file("mine-too.toml", `${ALL}# too\n`)));
});

Deno.test("with --force it is said who loses what, before anything is signed", async () => {
  await using world = await withMachines();
  const file = await world.file("one-way.toml", '[[allow]]\nfrom = ["*"]\nto = ["bob"]\nports = ["tcp/22"]\n');
  const told = ["changes alice -> bob: tcp/22, until now everything", "closes  bob -> alice: everything"];
  const push = async () => {
    const { code, stderr } = await world.ctl("policy", "push", file, "--force");
    return { code, told: stderr.trimEnd().split("\n").map((line) => line.replace("ghostctl: ", "")).sort() };
  };
  // A coordinator that is full takes nothing, and what it would have done was said before it was asked.
  const { app } = world;
  const full = (request: Request) =>
    request.method === "POST" ? Promise.resolve(new Response("full", { status: 507 })) : app.fetch(request);
  world.app = { ...app, fetch: full };
  const refused = await push();
  assert.equal(refused.code, 3, refused.told.join());
  assert.deepEqual(refused.told.filter((line) => told.includes(line)), told);
  world.app = app;
  assert.deepEqual(await push(), { code: 0, told });
});
