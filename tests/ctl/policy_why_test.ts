/** What `ghostctl policy why` says of a flow that nothing lets, against a real coordinator. */
import assert from "node:assert/strict";
import { ok, World } from "./world.ts";

const POLICY = `[tags]
web = []
router = []
[hosts]
office = "10.1.1.0/24"
[posture.modern]
os = ["windows"]
min_version = "9.1"
[dns.names]
printer = ["10.1.1.2"]
[[allow]]
from = ["tag:web"]
to = ["office"]
ports = ["tcp/22"]
via = ["tag:router"]
[[allow]]
from = ["tag:web"]
to = ["nas"]
posture = ["modern"]
[[allow]]
from = ["*"]
to = ["10.9.0.0/16"]
posture = ["modern"]
[[allow]]
from = ["tag:router"]
to = ["office"]
ports = ["tcp/80"]
[[allow]]
from = ["tag:web"]
to = ["nas"]
ports = ["udp/53"]
[[firewall]]
on = ["nas"]
ports = ["tcp/25"]
action = "drop"
`;

Deno.test("ghostctl policy why tells each rule that names both ends, and what keeps it from letting them", async () => {
  await using world = await World.make();
  ok(await world.init());
  ok(await world.ctl("policy", "push", await world.file("a.toml", POLICY)));
  await world.join(await world.token("--tag", "tag:web"), "web1");
  await world.join(await world.token("--tag", "tag:router"), "box");
  await world.join(await world.token(), "nas");
  ok(await world.ctl("route", "add", "10.1.1.0/24", "via", "nas"));
  const why = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.ctl("policy", "why", ...args);
    assert.equal(stderr, "");
    return [code, ...stdout.trim().split("\n  ")];
  };
  const via = "it counts for what goes via tag:router only, not via nas";
  const posture = "it asks for posture modern (os windows, version 9.1 or newer), and web1 says linux, 0.1.0";
  assert.deepEqual(await why("web1", "10.1.1.2"), [1, "no", `the rule in line 11 has both, but ${via}`]);
  assert.deepEqual(await why("web1", "10.1.1.2:80"), [
    1,
    "no",
    `the rule in line 11 has both, but it lets tcp/22 only; ${via}`,
  ]);
  assert.deepEqual(await why("web1", "nas:443"), [
    1,
    "no",
    `the rule in line 16 has both, but ${posture}`,
    "the rule in line 28 lets it on udp/53 only",
  ]);
  assert.deepEqual(await why("nas", "web1"), [
    1,
    "no",
    'rules with nas in "from": line 20; none of them has web1 in "to"',
    'no rule has web1 in "to"',
  ]);
  for (const to of ["office", "printer", "printer.home.ghost", "10.1.1.2"]) {
    const [code, told] = await why("box", `${to}:80`);
    assert.equal(code, 0, to);
    assert.match(`${told}`, /^yes: the rule in line 24 of the policy /);
  }
  // A firewall rule of other ports than those that the rules let is none of this flow's.
  assert.deepEqual(await why("web1", "nas"), [
    0,
    "yes: the rule in line 28 of the policy (ledger entry 2) lets web1 reach nas on udp/53",
  ]);
  const strange = await world.ctl("policy", "why", "web1", "plotter");
  assert.match(strange.stderr, /No machine, host or name "plotter"; see: ghostctl nodes list, and \[hosts\]/);
});
