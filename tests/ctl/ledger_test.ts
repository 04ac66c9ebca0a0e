/** The verbs about trust as people type them, against a real coordinator. */
import assert from "node:assert/strict";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { fromBase64Url } from "../../mesh/wire/encoding.ts";
import { decodeToken } from "../../mesh/wire/token.ts";
import { ok, World } from "./world.ts";

async function founded(): Promise<World> {
  const world = await World.make();
  ok(await world.init("--json"));
  return world;
}

Deno.test("ghostctl admin, sign: a change that needs two admins waits until the second one has signed", async () => {
  await using world = await founded();
  const { flags: ben, key } = await world.somebody("ben");
  assert.match((await world.ctl("ledger", "log", ...ben)).stderr, /no part in the network/);
  const added = await world.json("admin", "add", key, "--name", "ben", "--quorum", "2");
  assert.deepEqual([added.changed, added.pending], [true, null]);
  assert.equal((await world.ledger()).network.quorum, 2);

  const { key: cam } = await world.somebody("cam");
  const waits = await world.json("admin", "add", cam, "--name", "cam");
  assert.deepEqual([waits.changed, waits.pending.missing], [false, 1]);
  assert.ok(!(await world.ledger()).isAdmin(cam));
  ok(await world.ctl("token", "create")); // what comes in between does not matter
  const { pending } = await world.json("admin", "list", ...ben);
  assert.equal(pending.length, 1);
  assert.match(pending[0].what, new RegExp(`add admin cam ${cam}, quorum 2`));
  const signed = await world.json("sign", pending[0].id.slice(0, 8), ...ben);
  assert.deepEqual([signed.changed, signed.pending], [true, null]);
  assert.ok((await world.ledger()).isAdmin(cam));
  assert.match((await world.ctl("sign", pending[0].id)).stderr, /Nothing waits/);
  const log = await world.json("ledger", "log");
  assert.deepEqual(log.entries.at(-1).by, ["ben", "founder"]);
  assert.match((await world.ctl("admin", "remove", "eve")).stderr, /No admin "eve"/);
});

Deno.test("ghostctl token list, revoke: who is vouched for stays, nobody else comes in", async () => {
  await using world = await founded();
  const { token, grant } = await world.json("token", "create", "--uses", "2", "--tag", "tag:web");
  await world.join(token, "alice");
  const [row] = (await world.json("token", "list")).tokens;
  assert.deepEqual([row.key, row.used, row.uses, row.state], [grant.key, 1, 2, "open"]);
  const revoked = await world.json("token", "revoke", grant.key.slice(0, 12), "--reason", "leaked");
  assert.deepEqual([revoked.changed, revoked.stay, revoked.fall], [true, ["alice"], []]);
  assert.equal((await world.json("token", "revoke", grant.key)).changed, false);
  assert.equal((await world.json("token", "list")).tokens[0].state, "revoked");
  assert.deepEqual((await world.json("nodes", "list")).nodes.map((n: { name: string }) => n.name), ["alice"]);
  await assert.rejects(world.join(token, "bob"), /revoked/);

  const policy = await world.file("acls.toml", '[[admit]]\nmethod = "static"\nrevokes_nodes = true\n');
  assert.match((await world.ctl("policy", "push", policy)).stderr, /puts out alice \(The token was revoked\)/);
  ok(await world.ctl("policy", "push", policy, "--force"));
  assert.deepEqual((await world.json("nodes", "list")).nodes, []);
});

Deno.test("ghostctl ledger verify, sign, nodes revoke: a refusal is one line with the place and the mend", async () => {
  await using world = await World.make();
  const none = /^ghostctl: \/\S+\/ctl: No network is administered from here; found one with: ghostctl init .*\n$/;
  const refusals: [string[], RegExp][] = [
    [
      ["ledger", "verify", `${world.dir}/none`],
      /^ghostctl: \/\S+\/none: Cannot read this file; .*ghostctl ledger export.*\n$/,
    ],
    [["sign", "x"], none],
    [["nodes", "revoke", "foo"], none],
  ];
  for (const [args, line] of refusals) {
    const { code, stdout, stderr } = await world.ctl(...args);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(stderr, line);
  }
  ok(await world.init());
  const { stderr } = await world.ctl("sign", "x");
  assert.match(
    stderr,
    /^ghostctl: PENDING: Nothing waits as "x"; nothing waits to be signed; see: ghostctl admin list\n$/,
  );
  assert.match((await world.ctl("nodes", "revoke", "foo")).stderr, /^ghostctl: .*No machine "foo"; see: .*\n$/);
});

Deno.test("ghostctl audit says that nobody has been let in, rather than show an empty table", async () => {
  await using world = await founded();
  const { stdout } = await world.ctl("audit");
  assert.match(stdout, /^nobody has been let in yet\n\nENTRY /);
  assert.doesNotMatch(stdout, /RECORD SIGNED/);
  assert.deepEqual((await world.json("audit")).admissions, []);
});

Deno.test("ghostctl nodes revoke, audit: by name or key, for good", async () => {
  await using world = await founded();
  const { token, grant } = await world.json("token", "create", "--uses", "2");
  const id = await world.join(token, "alice");
  await world.join(token, "bob");
  const audit = await world.json("audit");
  const alice = audit.admissions.find((a: { id: string }) => a.id === id);
  assert.deepEqual([alice.name, alice.what, alice.method, alice.by], ["alice", "machine", "static", grant.key]);
  assert.deepEqual(audit.changes.map((c: { kind: string }) => c.kind), ["genesis", "policy", "grant"]);
  const revoked = await world.json("nodes", "revoke", "alice", "--reason", "lost");
  assert.deepEqual([revoked.changed, revoked.key], [true, alice.key]);
  assert.equal((await world.json("nodes", "revoke", alice.key)).changed, false);
  assert.match((await world.ctl("nodes", "revoke", "alice")).stderr, /No machine "alice"/);
  assert.deepEqual((await world.json("nodes", "list")).nodes.map((n: { name: string }) => n.name), ["bob"]);
  assert.match((await world.ctl("audit")).stdout, /revoke +founder +node .* \(lost\)/);
  assert.deepEqual((await world.json("gate", "list")).gates, []);
  assert.match((await world.ctl("gate", "revoke", "gate1")).stderr, /No gate "gate1"/);
});

Deno.test("ghostctl ledger: an empty coordinator is brought back from a copy, and takes back whom the old one had let in", async () => {
  await using world = await founded();
  const { token } = await world.json("token", "create", "--expires", "1s");
  const { key: seed } = decodeToken(token);
  const identity = await signingKeyFromSeed(fromBase64Url(seed).map((b) => b ^ 1));
  const id = await world.join(token, "alice", { identity });
  for (let i = 0; i < 12; i++) ok(await world.ctl("token", "create"));
  const before = await world.ledger();
  const copy = `${world.dir}/ledger.jsonl`;
  assert.equal((await world.json("ledger", "export", copy)).source, "coordinator");
  assert.equal((await world.json("ledger", "verify", copy)).head.hash, before.head.hash);
  assert.equal((await world.json("ledger", "verify")).entries, before.entries.length);
  const record = (await (await world.app.network())!.replica.refresh()).nodes.get(id)!.stored.jws;

  await world.lose();
  assert.equal((await world.json("ledger", "export", copy)).source, "kept");
  const imported = await world.json("ledger", "import", copy, "--setup", world.setupCode);
  assert.deepEqual([imported.added, imported.head], [before.entries.length, before.head]);
  assert.deepEqual((await world.ledger()).entries, before.entries);
  using client = await world.client(before.network.id, identity);
  await client.publishNode(record); // its token has expired meanwhile
  assert.deepEqual((await world.json("nodes", "list")).nodes.map((n: { id: string }) => n.id), [id]);
  assert.equal((await world.json("ledger", "import", copy)).added, 0);
  ok(await world.ctl("token", "create"));
  const torn = await world.file("torn.jsonl", before.entries.slice(0, 3).join("\n"));
  assert.match((await world.ctl("ledger", "import", torn)).stderr, /lacks entry/);
  const forged = await world.file("forged.jsonl", before.entries.map((e, i) => i === 2 ? `${e}A` : e).join("\n"));
  assert.match((await world.ctl("ledger", "verify", forged)).stderr, /forged\.jsonl ledger\[2\]/);
});

Deno.test("ghostctl ledger import brings a coordinator forward that was restored from an old copy", async () => {
  await using world = await founded();
  const copy = `${world.dir}/ledger.jsonl`;
  ok(await world.ctl("token", "create"));
  const old = [...(await world.ledger()).entries];
  ok(await world.ctl("token", "create"));
  ok(await world.ctl("ledger", "export", copy));
  const { head } = await world.ledger();
  await world.lose();
  await world.claim(old);
  const refused = await world.ctl("token", "create");
  assert.match(refused.stderr, /shows entry 2, but 3 is known.*ghostctl ledger import/);
  assert.equal((await world.json("ledger", "import", copy)).added, 1);
  assert.deepEqual((await world.ledger()).head, head);
});

Deno.test("ghostctl ledger resolve shows both branches, and ends the fork with the revocations of both", async () => {
  await using world = await founded();
  const ledger = await Ledger.open((await world.ledger()).entries);
  const { seed } = JSON.parse(await Deno.readTextFile(`${world.dir}/ctl/${ledger.network.id}.json`)).admin;
  const admin = await signingKeyFromSeed(fromBase64Url(seed));
  const body = { what: "node" as const, key: admin.public };
  await ledger.append(await signEntry({ ledger, admin, kind: "revoke", body, iat: Math.floor(Date.now() / 1000) }));
  const other = await world.file("other.jsonl", ledger.entries.join("\n"));
  assert.match((await world.ctl("ledger", "resolve")).stderr, /No fork is known/);
  ok(await world.ctl("token", "create"));
  const shown = await world.ctl("ledger", "resolve", "--other", other);
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /^kept: +entry 2 .*\ndropped: entry 2 .*node /);
  const keep = (await world.ledger()).hashAt(2)!;
  const done = await world.json("ledger", "resolve", "--other", other, "--keep", keep);
  assert.deepEqual([done.changed, done.ledgerSeq], [true, 4]);
  const now = await world.ledger();
  assert.ok(now.isRevoked("node", admin.public));
  await ledger.take(now.at(2)!);
  for (const jws of now.entries.slice(3)) await ledger.take(jws);
  assert.deepEqual(ledger.entries, now.entries);
});

Deno.test("ghostctl takes keys that begin with a dash as what they are", async () => {
  await using world = await founded();
  const key = `-${"A".repeat(42)}`;
  for (const words of [["token", "revoke", key], ["token", "revoke", key.slice(0, 9)], ["sign", key]]) {
    const { code, stderr } = await world.ctl(...words);
    assert.equal(code, 1);
    assert.ok(stderr.includes(`"${words.at(-1)}"`), stderr);
  }
  assert.match((await world.ctl("token", "revoke", "-x")).stderr, /Unknown option "-x"/);
});
