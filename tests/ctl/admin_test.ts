/** The admin verbs as people type them, against a real coordinator. */
import assert from "node:assert/strict";
import { STARTER_POLICY } from "../../mesh/policy/mod.ts";
import { hashOf } from "../../mesh/trust/keys.ts";
import { decodeToken } from "../../mesh/wire/token.ts";
import { ok, World } from "./world.ts";

Deno.test("ghostctl init founds a network with the starter policy and keeps the key to itself", async () => {
  await using world = await World.make();
  const ended = await world.init("--json");
  ok(ended);
  const answer = JSON.parse(ended.stdout);
  assert.equal(answer.version, 1);
  const ledger = await world.ledger();
  assert.equal(answer.network.id, ledger.network.id);
  assert.deepEqual(
    [ledger.network.name, ledger.network.suffix, ledger.network.ipv4],
    ["home", "home.ghost", "100.64.0.0/10"],
  );
  assert.equal(ledger.policy?.source, STARTER_POLICY);
  // What was signed lies where it can be read, changed and pushed.
  const starter = `${world.dir}/ctl/home.acls.toml`;
  assert.ok(ended.stderr.includes(`ghostctl policy push ${starter}\n`), ended.stderr);
  assert.equal(await Deno.readTextFile(starter), STARTER_POLICY);
  const mode = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
  assert.equal(await mode(`${world.dir}/ctl`), 0o700);
  assert.equal(await mode(`${world.dir}/ctl/${ledger.network.id}.json`), 0o600);

  const again = await world.init("--json"); // as after a lost answer: finishes, founds nothing new
  ok(again);
  assert.equal(JSON.parse(again.stdout).network.id, ledger.network.id);
  assert.equal((await world.ledger()).head.seq, 1);

  const stranger = await world.ctl(
    "init",
    "--server",
    world.server,
    "--setup",
    world.setupCode,
    "--config-dir",
    `${world.dir}/b`,
  );
  assert.equal(stranger.code, 1);
  assert.match(
    stranger.stderr,
    /^ghostctl: https:\/\/127\.0\.0\.1:\d+: This coordinator has its network already: home;/,
  );
});

Deno.test("ghostctl init finishes what was begun when the answer was lost", async () => {
  await using world = await World.make();
  world.loseAnswers = 1;
  const lost = await world.init("--name", "lab");
  assert.equal(lost.code, 3, lost.stderr);
  assert.match((await world.ctl("nodes", "list")).stderr, /No network is administered from here/);
  ok(await world.init("--name", "lab"));
  assert.equal((await world.ledger()).network.name, "lab");
  ok(await world.ctl("token", "create"));
});

Deno.test("ghostctl init leaves nothing behind after a wrong code, and takes the right one then", async () => {
  await using world = await World.make();
  const code = world.setupCode;
  world.setupCode = code.slice(0, 10) + (code[10] === "A" ? "B" : "A") + code.slice(11);
  const refused = await world.init();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /not the set-up code/);
  assert.deepEqual([...Deno.readDirSync(`${world.dir}/ctl`)], []);
  world.setupCode = code;
  ok(await world.init("--suffix", "example.ghost", "--ipv4", "10.77.0.0/16"));
  const { network } = await world.ledger();
  assert.deepEqual([network.suffix, network.ipv4], ["example.ghost", "10.77.0.0/16"]);
});

Deno.test("ghostctl init signs a file, or a draft whose hash was accepted, and nothing else", async () => {
  await using world = await World.make();
  const broken = await world.file("acls.toml", '[[allow]]\nfrom = ["*"]\nto = ["nobody-i-know!"]\n');
  const bad = await world.init("--acls", broken);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, new RegExp(`^ghostctl: ${broken}:3:\\d+: `));

  const source = '[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["tcp/22"] # \u202ehidden\n';
  world.draft = { source, sha256: await hashOf(source) };
  const shown = await world.init();
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /ports = \["tcp\/22"\] # \\u\{202e\}hidden/);
  assert.match(shown.stderr, new RegExp(`--accept-draft ${world.draft.sha256}`));
  assert.equal(await world.app.network(), null);

  const wrong = await world.init("--accept-draft", await hashOf("another"));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /another hash/);
  const both = await world.init("--accept-draft", world.draft.sha256, "--acls", broken);
  assert.equal(both.code, 2);
  ok(await world.init("--accept-draft", world.draft.sha256));
  assert.equal((await world.ledger()).policy?.source, source);
});

Deno.test("ghostctl init refuses a coordinator with another certificate", async () => {
  await using world = await World.make();
  await using other = await World.make();
  const ended = await world.ctl("init", "--server", other.server, "--setup", world.setupCode);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /shows another certificate/);
  assert.equal(await other.app.network(), null);
});

Deno.test("ghostctl token create prints the token alone, and machines join with it", async () => {
  await using world = await World.make();
  ok(await world.init());
  const ended = await world.ctl(
    "token",
    "create",
    "--uses",
    "2",
    "--tag",
    "tag:web",
    "--tag",
    "tag:db",
    "--expires",
    "7d",
  );
  ok(ended);
  assert.match(ended.stdout, /^ghost1_[A-Za-z0-9_-]+\n$/);
  assert.match(ended.stderr, /admits 2 machines until /);
  const token = decodeToken(ended.stdout);
  const ledger = await world.ledger();
  assert.deepEqual(token.head, ledger.head);
  assert.equal(token.server, `https://${world.server}`);
  const [grant] = [...ledger.grants.values()];
  assert.deepEqual([grant!.tags, grant!.uses, grant!.gate], [["tag:web", "tag:db"], 2, false]);
  assert.ok(Math.abs(grant!.expires! - Date.now() / 1000 - 7 * 86_400) < 600);

  const empty = await world.ctl("nodes", "list");
  assert.match(empty.stdout, /no machines yet/);
  const alice = await world.join(ended.stdout, "alice");
  await world.join(ended.stdout, "bob");
  await assert.rejects(world.join(ended.stdout, "eve"));
  const { nodes, version } = await world.json("nodes", "list");
  assert.equal(version, 1);
  assert.deepEqual(nodes.map((n: { name: string }) => n.name), ["alice", "bob"]);
  assert.equal(nodes[0].id, alice);
  assert.deepEqual(nodes[0].tags, ["tag:web", "tag:db"]);
  assert.match((await world.ctl("nodes", "list")).stdout, /^NAME +ADDRESSES/);

  const gate = await world.json("token", "create", "--gate");
  assert.deepEqual([gate.grant.gate, gate.grant.uses], [true, 1]);
  assert.equal((await world.ctl("token", "create", "--gate", "--tag", "tag:web")).code, 2);
});

Deno.test("ghostctl route add, list and remove change the routes in force", async () => {
  await using world = await World.make();
  ok(await world.init());
  const { token } = await world.json("token", "create", "--uses", "2");
  const carol = await world.join(token, "carol");
  await world.join(token, "dave");

  const added = await world.ctl("route", "add", "10.1.1.0/24", "via", "carol");
  ok(added);
  assert.match(added.stdout, /10\.1\.1\.0\/24 goes via carol/);
  assert.match(added.stderr, /no policy rule names 10\.1\.1\.0\/24/);
  const again = await world.json("route", "add", "10.1.1.0/24", "via", carol);
  assert.equal(again.changed, false);
  const listed = await world.json("route", "list");
  assert.deepEqual(listed.routes, [
    {
      prefix: "10.1.1.0/24",
      lan: null,
      via: "carol",
      node: carol,
      metric: 100,
      snat: true,
      active: null,
      reason: null,
    },
  ]);

  const acls = await world.file("acls.toml", '[[allow]]\nfrom = ["*"]\nto = ["*", "10.1.1.0/24"]\n');
  ok(await world.ctl("policy", "push", acls));
  const second = await world.ctl("route", "add", "10.1.1.0/24", "via", "dave", "--metric", "200", "--keep-source");
  ok(second);
  assert.match(
    second.stderr,
    /must lead 100\.64\.0\.0\/10 and fd\S+::\/48 back to this router, with several to the one in use/,
  );
  const alias = await world.json("route", "add", "10.9.1.0/24", "--as", "10.201.0.0/24", "via", "dave");
  assert.deepEqual([alias.route.prefix, alias.route.lan], ["10.201.0.0/24", "10.9.1.0/24"]);
  assert.match((await world.ctl("route", "list")).stdout, /10\.201\.0\.0\/24 \(there 10\.9\.1\.0\/24\) +dave/);
  const uneven = await world.ctl("route", "add", "10.9.1.0/24", "--as", "10.201.0.0/16", "via", "dave");
  assert.deepEqual([uneven.code, /must be of one family and length/.test(uneven.stderr)], [2, true]);
  for (const lan of ["100.64.7.0/24", "100.0.0.0/8"]) {
    const as = lan.endsWith("/8") ? "20.0.0.0/8" : "10.202.0.0/24";
    const own = await world.ctl("route", "add", lan, "--as", as, "via", "dave");
    assert.match(own.stderr, new RegExp(`${lan} overlaps 100\\.64\\.0\\.0/10, the addresses of the network itself`));
  }
  ok(await world.ctl("route", "remove", "10.9.1.0/24"));

  const unsure = await world.ctl("route", "remove", "10.1.1.0/24");
  assert.equal(unsure.code, 1);
  assert.match(unsure.stderr, /Several machines carry 10\.1\.1\.0\/24; say which: via carol, via dave/);
  ok(await world.ctl("route", "remove", "10.1.1.0/24", "via", "dave"));
  ok(await world.ctl("route", "remove", "10.1.1.0/24"));
  assert.match((await world.ctl("route", "list")).stdout, /^no routes/);
  assert.match((await world.ctl("route", "remove", "10.1.1.0/24")).stderr, /No route 10\.1\.1\.0\/24/);
});

Deno.test("ghostctl route add refuses what cannot be a route", async () => {
  await using world = await World.make();
  ok(await world.init());
  const cases: [string, number, RegExp][] = [
    ["10.1.1.5/24", 2, /names a host in a network; did you mean 10\.1\.1\.0\/24\?/],
    ["10.1.1.0", 2, /did you mean 10\.1\.1\.0\/32\?/],
    ["ten", 2, /Expected a prefix/],
    ["0.0.0.0/0", 1, /ghostctl exit-node approve/],
    ["::/0", 1, /exit node/],
    ["100.64.0.0/16", 1, /overlaps 100\.64\.0\.0\/10/],
    ["100.0.0.0/8", 1, /overlaps 100\.64\.0\.0\/10/],
    ["127.0.0.0/8", 2, /cannot be routed/],
    ["10.1.1.0/24", 1, /No machine "carol"; see: ghostctl nodes list/],
  ];
  for (const [prefix, code, text] of cases) {
    const ended = await world.ctl("route", "add", prefix, "via", "carol");
    assert.equal(ended.code, code, `${prefix}: ${ended.stderr}`);
    assert.match(ended.stderr, text);
    assert.equal(ended.stderr.split("\n").length, 2, ended.stderr);
  }
  assert.equal((await world.ledger()).head.seq, 1);
});

Deno.test("ghostctl policy push checks, tests, signs, and does nothing twice", async () => {
  await using world = await World.make();
  ok(await world.init());
  const good = await world.file("good.toml", '[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["icmp"]\n');
  const first = await world.json("policy", "push", good);
  assert.deepEqual([first.changed, first.ledgerSeq], [true, 2]);
  const second = await world.json("policy", "push", good);
  assert.deepEqual([second.changed, second.ledgerSeq], [false, 2]);
  const failing = await world.file(
    "failing.toml",
    '[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["icmp"]\n[[test]]\nfrom = "ann@example.com"\naccept = ["tag:web tcp/443"]\n[tags]\nweb = []\n',
  );
  const refused = await world.ctl("policy", "push", failing);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`^ghostctl: ${failing}:\\d+:\\d+: `));
  assert.match((await world.ctl("policy", "push", `${world.dir}/none.toml`)).stderr, /none\.toml: No such file/);
  assert.match(
    (await world.ctl("policy", "push", await world.file("p.ts", ""))).stderr,
    /p\.ts: the default export: Expected an object/,
  );
  assert.equal((await world.ledger()).head.seq, 2);
});

Deno.test("ghostctl changes the ledger once, whether somebody was faster or an answer was lost", async () => {
  await using world = await World.make();
  ok(await world.init());
  const all = await Promise.all([1, 2, 3].map(() => world.ctl("token", "create")));
  all.forEach(ok);
  assert.equal((await world.ledger()).grants.size, 3);
  world.loseAnswers = 1;
  ok(await world.ctl("token", "create"));
  assert.equal((await world.ledger()).grants.size, 4);
});

Deno.test("ghostctl refuses a coordinator that goes back behind what it showed", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("token", "create"));
  const { network } = await world.ledger();
  const path = `${world.dir}/ctl/${network.id}.json`;
  const known = JSON.parse(await Deno.readTextFile(path));
  assert.equal(known.head.seq, 2);
  await Deno.writeTextFile(path, JSON.stringify({ ...known, head: { ...known.head, seq: 7 } }));
  assert.match((await world.ctl("token", "create")).stderr, /shows entry 2, but 7 is known/);
  await Deno.writeTextFile(path, JSON.stringify({ ...known, head: { seq: 2, hash: "A".repeat(43) } }));
  assert.match((await world.ctl("token", "create")).stderr, /shows another entry 2 than the one known/);
  assert.equal((await world.ledger()).head.seq, 2);
});

Deno.test("ghostctl chooses among several networks by --network", async () => {
  await using one = await World.make();
  await using two = await World.make();
  ok(await one.init("--name", "one"));
  ok(await one.ctl("init", "--server", two.server, "--setup", two.setupCode, "--name", "two"));
  const unsure = await one.ctl("token", "create");
  assert.equal(unsure.code, 1);
  assert.match(unsure.stderr, /Several networks.*one \([a-z2-7]{32}\), two \(/);
  const named = await one.json("token", "create", "--network", "two");
  assert.equal(decodeToken(named.token).net, (await two.ledger()).network.id);
  assert.match((await one.ctl("token", "create", "--network", "three")).stderr, /Unknown network "three"/);
});

Deno.test("ghostctl exits with 3 when the coordinator is away", async () => {
  const world = await World.make();
  ok(await world.init());
  const dir = await Deno.makeTempDir();
  await Deno.rename(`${world.dir}/ctl`, `${dir}/ctl`);
  await world[Symbol.asyncDispose]();
  await Deno.mkdir(world.dir);
  await Deno.rename(`${dir}/ctl`, `${world.dir}/ctl`);
  try {
    const ended = await world.ctl("nodes", "list", "--json");
    assert.equal(ended.code, 3);
    assert.equal(JSON.parse(ended.stdout).error.code, "unreachable");
    assert.match(
      ended.stderr,
      /^ghostctl: https:\/\/127\.0\.0\.1:\d+: Cannot reach the coordinator: connection refused; /,
    );
  } finally {
    await Deno.remove(world.dir, { recursive: true });
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("ghostctl exit-node approve signs both families of an exit node together, and takes both out together", async () => {
  await using world = await World.make();
  ok(await world.init());
  const both = ["0.0.0.0/0", "::/0"];
  const id = await world.join(await world.token(), "way-out", { routes: [...both, "10.1.1.0/24"] });
  await world.join(await world.token(), "idle");
  const before = (await world.ledger()).head.seq;
  const approved = { version: 1, changed: true, name: "way-out", id, prefixes: both, ledgerSeq: before + 2 };
  assert.deepEqual(await world.json("exit-node", "approve", "way-out"), approved);
  assert.deepEqual(await world.json("exit-node", "approve", id), { ...approved, changed: false });
  const routes = async () => (await world.ledger()).routes.map(({ prefix, node }) => [prefix, node]);
  assert.deepEqual(await routes(), both.map((prefix) => [prefix, id]));
  // Another route of the same machine stays.
  ok(await world.ctl("route", "approve", "10.1.1.0/24", "via", "way-out"));
  const removed = { ...approved, prefixes: [], ledgerSeq: before + 5 };
  assert.deepEqual(await world.json("exit-node", "approve", "way-out", "--remove"), removed);
  assert.deepEqual(await routes(), [["10.1.1.0/24", id]]);
  assert.equal((await world.json("exit-node", "approve", "way-out", "--remove")).changed, false);
  assert.match(
    (await world.ctl("exit-node", "approve", "idle")).stderr,
    /idle does not offer itself .*exit-node offer on/,
  );
});
