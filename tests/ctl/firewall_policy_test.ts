/** What `ghostctl policy` says of firewall rules, against a real coordinator. */
import assert from "node:assert/strict";
import { ok, World } from "./world.ts";

const OPEN = `[tags]
web = []
[hosts]
lan = "10.1.1.0/24"
[[allow]]
from = ["*"]
to = ["*", "lan"]
ports = ["tcp", "icmp"]
`;
const RULES = `[[firewall]]
on = ["tag:web"]
direction = "in"
ports = ["tcp/22"]
action = "drop"
[[firewall]]
on = ["*"]
direction = "out"
to = ["tag:web"]
ports = ["tcp/443"]
action = "limit 5/second burst 9"
[[firewall]]
on = ["*"]
direction = "in"
to = ["10.1.1.8/29"]
action = "drop"
`;

Deno.test("ghostctl policy check, diff and why tell what firewall rules do", async () => {
  await using world = await World.make();
  ok(await world.init());
  const [open, ruled] = [await world.file("a.toml", OPEN), await world.file("b.toml", OPEN + RULES)];
  ok(await world.ctl("policy", "push", open));
  await world.join(await world.token("--tag", "tag:web"), "web1");
  await world.join(await world.token("--tag", "tag:web"), "web2");
  await world.join(await world.token(), "nas");
  ok(await world.ctl("route", "add", "10.1.1.0/24", "via", "nas"));
  assert.match(ok(await world.ctl("policy", "check", ruled)), /can be signed: 1 rule, 3 firewall rules\n$/);
  const diff = async (file: string) => ok(await world.ctl("policy", "diff", file)).trim().split("\n").sort();
  const nothing = "nothing opens or closes between the machines that there are";
  const limit = "limits tcp/443 to 5 new flows a second from one address, 9 at once";
  assert.deepEqual(await diff(ruled), [
    nothing,
    "now drops everything (for some of the addresses), web1, web2 -> 10.1.1.0/24 via nas, at the target",
    "now drops tcp/22, nas -> web1, web2, at the target",
    "now drops tcp/22, web1, web2 -> web1, web2, at the target",
    `now ${limit}, nas -> web1, web2, at the source`,
    `now ${limit}, web1, web2 -> web1, web2, at the source`,
  ]);
  ok(await world.ctl("policy", "push", ruled));
  const moved = await world.file("c.toml", `\n\n${OPEN}${RULES}`);
  assert.deepEqual(await diff(moved), [nothing]);
  assert.equal((await diff(open)).filter((line) => line.startsWith("no longer ")).length, 5);
  const why = async (...args: string[]) => {
    const { code, stdout } = await world.ctl("policy", "why", ...args);
    return [code, stdout.trim()];
  };
  const rule = (to: string) => `the rule in line 5 of the policy (ledger entry 7) lets nas reach ${to} on tcp, icmp`;
  assert.deepEqual(await why("nas", "web1:22"), [
    1,
    `no\n  the firewall rule in line 9 drops tcp/22 at web1\n  otherwise ${rule("web1")}`,
  ]);
  assert.deepEqual(await why("nas", "web1"), [
    0,
    `yes: ${
      rule("web1")
    }\nbut the firewall rule in line 9 drops tcp/22 at web1\nbut the firewall rule in line 14 ${limit} at nas`,
  ]);
  assert.equal((await why("web1", "10.1.1.9:22"))[0], 1);
  assert.equal((await why("web1", "10.1.1.7:22"))[0], 0);
});

Deno.test("ghostctl policy diff and push --force tell of firewall rules toward the internet", async () => {
  await using world = await World.make();
  ok(await world.init());
  const open = '[[allow]]\nfrom = ["*"]\nto = ["internet"]\n';
  const block = (at: string) =>
    `[[firewall]]\non = ["*"]\n${at}to = ["internet"]\nports = ["tcp/25"]\naction = "drop"\n`;
  const ruled = await world.file("b.toml", open + block('direction = "out"\n'));
  ok(await world.ctl("policy", "push", await world.file("a.toml", open)));
  await world.join(await world.token(), "alice");
  await world.join(await world.token(), "carol", { routes: ["0.0.0.0/0"] });
  const lines = async (...args: string[]) => ok(await world.ctl("policy", "diff", ...args)).trim().split("\n");
  assert.equal((await lines(ruled)).length, 1, "there is no exit node yet");
  ok(await world.ctl("exit-node", "approve", "carol"));
  const line = "now drops tcp/25, alice -> internet via carol, at the source";
  assert.deepEqual((await lines(ruled)).slice(1), [line]);
  const forced = await world.ctl("policy", "push", ruled, "--force");
  ok(forced);
  assert.equal(forced.stderr, `ghostctl: ${line}\n`);
  assert.deepEqual((await lines(`${world.dir}/a.toml`)).slice(1), [line.replace("now", "no longer")]);
  const both = await world.file("c.toml", open + block(""));
  assert.deepEqual((await lines(both)).slice(1), [line.replace("source", "target")]);
});
