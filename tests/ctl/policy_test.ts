/** `ghostctl policy ...` against a real coordinator. */
import assert from "node:assert/strict";
import { ghostctl, ok, World } from "./world.ts";

const WIDE = '[tags]\nweb = []\n[[allow]]\nfrom = ["*"]\nto = ["tag:web"]\nports = ["tcp/443"]\n';
const OPEN_SSH = WIDE + '[[allow]]\nfrom = ["tag:web"]\nto = ["*"]\nports = ["tcp/22", "udp"]\n';

Deno.test("ghostctl policy check tells all faults and warnings as a compiler does, and test which tests fail", async () => {
  await using world = await World.make();
  const bad = await world.file(
    "bad.toml",
    '[groups]\nops = ["a@b.c"]\n[[allow]]\nfrom = ["group:opps"]\nto = ["*"]\nprots = []\n',
  );
  const checked = await world.ctl("policy", "check", bad);
  assert.equal(checked.code, 1);
  assert.equal(
    checked.stdout,
    `${bad}:4:9: error: Undefined group "group:opps"; did you mean "group:ops"?\n  from = ["group:opps"]\n          ^\n` +
      `${bad}:6:1: error: Unknown key "prots" in [[allow]]; did you mean "ports"?\n  prots = []\n  ^\n2 errors\n`,
  );
  const good = await world.file(
    "good.toml",
    `${WIDE}[[test]]\nfrom = "a@b.c"\naccept = ["tag:web tcp/443", "tag:web tcp/22"]\n`,
  );
  assert.deepEqual(await world.json("policy", "check", good), {
    version: 1,
    ok: true,
    faults: [],
    warnings: [],
    rules: 1,
    firewall: 0,
    says: [],
  });
  const tested = await world.ctl("policy", "test", good);
  assert.equal(tested.code, 1);
  assert.match(tested.stdout, /good\.toml:9:30: Test accept "tag:web tcp\/22" fails: .*\n1 of 2 tests hold\n$/);
});

Deno.test("ghostctl policy push refuses when the policy in force moved since it was pulled", async () => {
  await using world = await World.make();
  ok(await world.init());
  const [mine, theirs] = [`${world.dir}/mine.toml`, `${world.dir}/theirs.toml`];
  ok(await world.ctl("policy", "pull", mine));
  ok(await world.ctl("policy", "pull", theirs));
  assert.match((await world.ctl("policy", "pull", mine)).stderr, /there already; add --force/);
  await Deno.writeTextFile(mine, OPEN_SSH);
  await Deno.writeTextFile(theirs, WIDE);
  const first = await world.json("policy", "push", theirs);
  assert.equal(first.changed, true);
  const late = await world.ctl("policy", "push", mine);
  assert.equal(late.code, 1);
  assert.match(
    late.stderr,
    /moved since this file was pulled or pushed: it is entry 2; look at it with: ghostctl policy diff/,
  );
  assert.equal((await world.ledger()).policy?.source, WIDE);
  const { base } = await world.json("policy", "diff", mine);
  const stale = await world.ctl("policy", "push", mine, "--force", "--base", base.sha256.replace(/^./, "_"));
  assert.deepEqual([stale.code, /Another policy than that of --base is in force: it is entry 2/.test(stale.stderr)], [
    1,
    true,
  ]);
  ok(await world.ctl("policy", "push", mine, "--base", first.sha256));
  assert.equal((await world.ledger()).policy?.source, OPEN_SSH);
  // Its own pushes are no strangers', and another's pushed before does not pass as a base.
  await Deno.writeTextFile(mine, `${OPEN_SSH}# again\n`);
  ok(await world.ctl("policy", "push", mine));
  const late2 = await world.ctl("policy", "push", theirs);
  assert.equal(late2.code, 1);
  assert.match(late2.stderr, /add --base \S+, or --force to replace whatever it is/);
  const forced = await world.ctl("policy", "push", theirs, "--force");
  ok(forced);
  assert.match(forced.stderr, /takes the place of the policy of entry 4, which \S+ signed/);
  assert.equal((await world.ledger()).policy?.source, WIDE);
});

Deno.test("ghostctl policy show, history and rollback go through what was signed", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("policy", "push", await world.file("a.toml", WIDE)));
  ok(await world.ctl("policy", "push", await world.file("b.toml", OPEN_SSH)));
  assert.equal(ok(await world.ctl("policy", "show", "2")), WIDE);
  assert.equal((await world.json("policy", "show")).source, OPEN_SSH);
  ok(await world.ctl("policy", "rollback", "2"));
  assert.equal((await world.ledger()).policy?.source, WIDE);
  const { policies } = await world.json("policy", "history");
  assert.deepEqual(policies.map((p: { seq: number; inForce: boolean }) => [p.seq, p.inForce]), [
    [1, false],
    [2, false],
    [3, false],
    [4, true],
  ]);
  assert.equal(policies[1].sha256, policies[3].sha256);
  assert.equal((await world.json("policy", "rollback", "2")).changed, false);
  assert.match((await world.ctl("policy", "show", "0")).stderr, /entry 0 is no policy/);
  const twins = await world.file("twins.toml", '[hosts]\na = "10.1.0.0/16"\nb = "10.1.1.0/24"\n');
  const warned = await world.ctl("policy", "push", twins);
  ok(warned);
  assert.match(warned.stderr, /^ghostctl: \S+twins\.toml:3:1: warning: Host "b" overlaps/);
});

Deno.test("ghostctl policy diff and why tell which pairs open and close, and by which rule", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("policy", "push", await world.file("a.toml", WIDE)));
  await world.join(await world.token("--tag", "tag:web"), "web1");
  await world.join(await world.token("--tag", "tag:web"), "web2");
  await world.join(await world.token(), "nas");
  ok(await world.ctl("route", "add", "10.1.1.0/24", "via", "nas"));
  const next = await world.file(
    "b.toml",
    OPEN_SSH.replace('"tcp/443"', '"tcp/80"').replace('to = ["*"]', 'to = ["*", "10.1.1.0/24"]'),
  );
  assert.deepEqual(ok(await world.ctl("policy", "diff", next)).trim().split("\n").sort(), [
    "changes nas -> web1, web2: tcp/80, until now tcp/443",
    "changes web1, web2 -> web1, web2: tcp/22, tcp/80, udp, until now tcp/443",
    "opens   web1, web2 -> 10.1.1.0/24 via nas: tcp/22, udp",
    "opens   web1, web2 -> nas: tcp/22, udp",
  ]);
  const why = async (...args: string[]) => {
    const { code, stdout } = await world.ctl("policy", "why", ...args);
    return [code, stdout.trim()];
  };
  assert.deepEqual(await why("nas", "web1:443"), [
    0,
    "yes: the rule in line 3 of the policy (ledger entry 2) lets nas reach web1 on tcp/443",
  ]);
  assert.deepEqual(await why("nas", "web1:udp/53"), [1, "no\n  the rule in line 3 lets it on tcp/443 only"]);
  assert.deepEqual(await why("web1", "10.1.1.7"), [
    1,
    'no\n  rules with web1 in "from": line 3; none of them has 10.1.1.7 in "to"\n  no rule has 10.1.1.7 in "to"',
  ]);
  ok(await world.ctl("policy", "push", next));
  assert.equal((await why("web1", "10.1.1.7:22"))[0], 0);
  assert.match(
    (await world.ctl("policy", "why", "web1", "8.8.8.8:443")).stderr,
    /No machine has or carries 8\.8\.8\.8/,
  );
  assert.match((await world.ctl("policy", "why", "web1", "internet")).stderr, /No machine is an exit node/);
  await world.join(await world.token(), "way-out", { routes: ["0.0.0.0/0", "::/0"] });
  ok(await world.ctl("exit-node", "approve", "way-out"));
  const beyond = await world.file("c.toml", `${OPEN_SSH}[[allow]]\nfrom = ["tag:web"]\nto = ["internet"]\n`);
  ok(await world.ctl("policy", "push", beyond));
  for (const to of ["internet", "8.8.8.8:443", "[2606:4700::1]:443"]) {
    const [code, told] = await why("web1", to);
    assert.equal(code, 0, to);
    assert.match(`${told}`, /^yes: the rule in line \d+ of the policy \(ledger entry \d+\) lets web1 reach /);
  }
  assert.match((await world.ctl("policy", "why", "web1", "192.168.7.7")).stderr, /No machine has or carries/);
  assert.match((await world.ctl("policy", "why", "ghost", "web1")).stderr, /No machine, host or name "ghost"/);
});

Deno.test("ghostctl policy diff tells of networks that only one of two policies lets a machine carry", async () => {
  await using world = await World.make();
  ok(await world.init());
  const rules = '[[allow]]\nfrom = ["*"]\nto = ["*", "10.1.0.0/16"]\nports = ["tcp/80"]\n';
  const approving = `[tags]\nrouter = []\n[routes]\n"10.1.0.0/16" = ["tag:router"]\n${rules}`;
  const [without, withThem] = [await world.file("a.toml", rules), await world.file("b.toml", approving)];
  const dropping = await world.file(
    "c.toml",
    `${approving}[[firewall]]\non = ["tag:router"]\nto = ["10.1.1.0/24"]\naction = "drop"\n`,
  );
  ok(await world.ctl("policy", "push", withThem));
  await world.join(await world.token("--tag", "tag:router"), "nas", { routes: ["10.1.1.0/24", "10.9.0.0/16"] });
  await world.join(await world.token(), "web1");
  const diff = async (file: string) => ok(await world.ctl("policy", "diff", file)).trim().split("\n");
  const may = "tag:router may carry 10.1.0.0/16 and all within it";
  assert.deepEqual(await diff(withThem), ["nothing opens or closes between the machines that there are"]);
  assert.deepEqual(await diff(without), ["closes  web1 -> 10.1.1.0/24 via nas: tcp/80", `no longer  ${may}`]);
  ok(await world.ctl("policy", "push", "--force", without));
  assert.deepEqual(await diff(withThem), ["opens   web1 -> 10.1.1.0/24 via nas: tcp/80", `from now   ${may}`]);
  assert.deepEqual(await diff(dropping), [
    "opens   web1 -> 10.1.1.0/24 via nas: tcp/80",
    "now drops everything, web1 -> 10.1.1.0/24 via nas, at the target",
    `from now   ${may}`,
  ]);
  ok(await world.ctl("policy", "push", dropping));
  assert.deepEqual(await diff(without), [
    "closes  web1 -> 10.1.1.0/24 via nas: tcp/80",
    "no longer drops everything, web1 -> 10.1.1.0/24 via nas, at the target",
    `no longer  ${may}`,
  ]);
});

Deno.test("ghostctl policy push signs what a policy.ts computes, with its source", async () => {
  await using world = await World.make();
  ok(await world.init());
  await world.file("inventory.ts", "export const teams: Record<string, number> = { web: 443, db: 5432 };\n");
  const source = `import { teams } from "./inventory.ts";
export default () => ({
  tags: Object.fromEntries(Object.keys(teams).map((name) => [name, []])),
  allow: Object.entries(teams).map(([name, port]) => ({ from: ["*"], to: [\`tag:\${name}\`], ports: [\`tcp/\${port}\`] })),
});
`;
  ok(await world.ctl("policy", "push", await world.file("policy.ts", source)));
  const { policy } = await world.ledger();
  assert.deepEqual([policy?.format, policy?.source], ["ts", source]);
  assert.equal(
    policy?.computed,
    '[tags]\nweb = []\ndb = []\n\n[[allow]]\nfrom = ["*"]\nto = ["tag:web"]\nports = ["tcp/443"]\n\n' +
      '[[allow]]\nfrom = ["*"]\nto = ["tag:db"]\nports = ["tcp/5432"]\n',
  );
  const view = await (await world.app.network())!.replica.refresh();
  assert.equal(view.policy?.rules.length, 2, "the coordinator compiles the output");
  assert.deepEqual(policy?.imports, {
    "inventory.ts": "export const teams: Record<string, number> = { web: 443, db: 5432 };\n",
  });
  assert.equal((await world.json("policy", "push", `${world.dir}/policy.ts`)).changed, false);
  // An import that is another one is another policy, even if it computes the same.
  const moved = 'import { db } from "./more/ports.ts";\nexport const teams = { web: 443, db };\n';
  await world.file("inventory.ts", moved);
  await Deno.mkdir(`${world.dir}/more`);
  await world.file("more/ports.ts", "export const db = 5432;\n");
  const pushed = await world.ctl("policy", "push", `${world.dir}/policy.ts`);
  assert.match(ok(pushed), /is in force \(ledger entry 3\)/);
  assert.match(pushed.stderr, /signed with it, for all members to read: inventory\.ts, more\/ports\.ts/);
  const next = (await world.ledger()).policy;
  assert.deepEqual([next?.computed, next?.source], [policy?.computed, policy?.source]);
  assert.deepEqual(next?.imports, { "inventory.ts": moved, "more/ports.ts": "export const db = 5432;\n" });
  assert.match(ok(await world.ctl("policy", "show")), /more\/ports\.ts, imported by it ---\n\nexport const db = 5432;/);
  await world.file("more/ports.ts", `export const db = 5432;\n// ${"x".repeat(70_000)}\n`);
  assert.match(
    (await world.ctl("policy", "push", `${world.dir}/policy.ts`)).stderr,
    /more\/ports\.ts is longer than 65536/,
  );
  await world.file("more/ports.ts", "export const db = 5432;\n");
  assert.match(ok(await world.ctl("policy", "show")), /import \{ teams \}[\s\S]*what it computed[\s\S]*tag:db/);
  ok(await world.ctl("token", "create"));
});

Deno.test("a policy.ts signs no file that is not for all members to read: keys, private files, what lies elsewhere, links", async () => {
  await using world = await World.make();
  ok(await world.init());
  const { network } = await world.ledger();
  await Deno.mkdir(`${world.dir}/here/.hidden`, { recursive: true });
  await world.file("outside.json", "{}");
  await world.file("here/private.json", "{}");
  await Deno.chmod(`${world.dir}/here/private.json`, 0o600);
  await world.file("here/.hidden/x.json", "{}");
  await Deno.symlink(`${world.dir}/ctl/${network.id}.json`, `${world.dir}/here/linked.json`);
  await Deno.symlink(`${world.dir}/ctl`, `${world.dir}/here/folder`);
  const importing = (name: string) =>
    `import k from "${name}" with { type: "json" };\nexport default { groups: {}, ...k && {} };\n`;
  for (
    const [file, name, why] of [
      ["borrowed.ts", `./ctl/${network.id}.json`, /keys and the state of daemons lie there/],
      ["here/p.ts", `../ctl/${network.id}.json`, /it lies outside of the policy's folder/],
      ["here/p.ts", "../outside.json", /it lies outside of the policy's folder/],
      ["here/p.ts", "./linked.json", /a link/],
      ["here/p.ts", `./folder/${network.id}.json`, /a link/],
      ["here/p.ts", "./private.json", /only you may read it; if all members may, say so: chmod go\+r/],
      ["here/p.ts", "./.hidden/x.json", /it is hidden/],
    ] as const
  ) {
    const policy = await world.file(file, importing(name));
    for (const verb of ["check", "diff", "push"]) {
      const { code, stderr } = await world.ctl("policy", verb, policy);
      assert.equal(code, 1, `${verb} ${name}: ${stderr}`);
      assert.match(stderr, why);
    }
  }
  assert.equal((await world.ledger()).head.seq, 1, "nothing was signed");
  // What Deno does not see before the policy runs, it may not read when it does.
  for (const hidden of ['import("./ctl/" + ID, J)', 'import(HERE + "/outside.json", J)']) {
    const body =
      `const ID = "${network.id}.json", HERE = "${world.dir}", J = { with: { type: "json" } };\nawait ${hidden};\nexport default {};\n`;
    const { code, stderr } = await world.ctl("policy", "check", await world.file("late.ts", body));
    assert.deepEqual([code, /Requires read access/.test(stderr)], [1, true], stderr);
  }
  await Deno.chmod(`${world.dir}/here/private.json`, 0o644);
  const done = await world.ctl("policy", "push", await world.file("here/p.ts", importing("./private.json")));
  ok(done);
  assert.match(done.stderr, /signed with it, for all members to read: private\.json/);
});

Deno.test("a ghostctl that may run nothing says so of a policy.ts, and how to get one that may", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = `${dir}/policy.ts`;
    await Deno.writeTextFile(file, "export default {};\n");
    const { code, stderr } = await ghostctl(["policy", "check", file], { open: [dir], runsDeno: false });
    assert.equal(code, 1);
    assert.match(stderr, /policy\.ts: This ghostctl may not start the process .*; use the installed ghostctl, or add /);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a policy.ts gets at no file, variable, network, clock or random number", async () => {
  await using world = await World.make();
  await world.file("secret.txt", "x");
  const run = async (body: string) => {
    const { code, stderr } = await world.ctl("policy", "check", await world.file("policy.ts", body));
    assert.equal(code, 1, body);
    return stderr;
  };
  for (
    const [body, why] of [
      [`Deno.readTextFileSync("${world.dir}/secret.txt"); export default {};`, /Requires read access/],
      [`Deno.env.get("HOME"); export default {};`, /Requires env access/],
      [`await fetch("http://127.0.0.1:40009"); export default {};`, /Requires net access/],
      [`new Deno.Command("/bin/sh").spawn(); export default {};`, /Requires run access/],
      ["export default { groups: { a: [`u${Math.random()}@x.y`] } };", /Math\.random is not there/],
      ["export default { groups: { a: [`u${Date.now()}@x.y`] } };", /Date\.now is not there/],
      ["export default { groups: { a: [`u${new Date().getTime()}@x.y`] } };", /new Date\(\) is not there/],
      [
        "export default { groups: { a: [`u${performance.timeOrigin}@x.y`] } };",
        /Two runs computed two documents/,
      ],
      ["export default { allow: [{ from: [null], to: [] }] };", /allow\[0\]\.from\[0\]: null has no place in a policy/],
      ["export default 7;", /Expected an object/],
      ["const x: = 1;", /policy\.ts:1:\d+: Syntax error: /],
      [
        'import { x } from "./gone.ts";\nexport default { x };',
        /policy\.ts:1:19: It imports "\.\/gone\.ts", which cannot be read; put it there: /,
      ],
    ] as const
  ) assert.match(await run(body), why);
});

Deno.test("a policy of 200 KiB is signed, stored in parts and compiled", async () => {
  await using world = await World.make();
  ok(await world.init());
  const rules = Array.from(
    { length: 2500 },
    (_, i) =>
      `[[allow]]\nfrom = ["user-number-${i}@example.com"]\nto = ["10.${i >> 8}.${
        i & 255
      }.0/24"]\nports = ["tcp/443"]\n`,
  );
  const source = rules.join("");
  assert(source.length > 200 * 1024);
  ok(await world.ctl("policy", "push", await world.file("big.toml", source)));
  const view = await (await world.app.network())!.replica.refresh();
  assert.equal(view.policy?.rules.length, 2500);
  const back = `${world.dir}/back.toml`;
  ok(await world.ctl("policy", "pull", back));
  assert.equal(await Deno.readTextFile(back), source);
});
