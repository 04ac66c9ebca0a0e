import assert from "node:assert/strict";
import { compile, parsePolicy, type PolicyNode, routesInForce } from "../../mesh/policy/mod.ts";
import { settingsDiff } from "./settings_diff.ts";

const node = (id: string, o: Partial<PolicyNode> = {}): PolicyNode => ({
  id,
  name: id,
  tags: [],
  user: null,
  ipv4: `100.64.0.${id.charCodeAt(0)}`,
  ipv6: `fd12::${id.charCodeAt(0)}`,
  ...o,
});
const NODES = [node("a"), node("x", { tags: ["tag:exit"], announces: ["0.0.0.0/0", "::/0"] })];

function compiled(source: string) {
  const policy = parsePolicy(`[tags]\nexit = []\n${source}`);
  const routes = routesInForce(policy.routes, { signed: [], nodes: NODES, network: "100.64.0.0/10" });
  return compile(policy, { nodes: NODES, routes });
}

Deno.test("settingsDiff() says in words what changes beside the pairs", () => {
  const before = compiled('[dns]\nsearch = ["old.example"]\nupstreams = ["9.9.9.9"]\n');
  const after = compiled(`[routes]
exit = ["tag:exit"]
"10.1.0.0/16" = ["tag:exit"]
[dns]
upstreams = ["9.9.9.9"]
[dns.split]
"corp.example" = ["10.1.1.53"]
[dns.names]
printer = ["10.1.1.2"]
[expiry]
static = "90d"
"tag:exit" = "never"
[[allow]]
from = ["*"]
to = ["internet"]
`);
  assert.deepEqual(settingsDiff(before, before), []);
  assert.deepEqual(settingsDiff(before, after), [
    "no longer  search domains: old.example",
    "from now   a may reach the internet through x (IPv4 and IPv6)",
    "from now   tag:exit may be an exit node",
    "from now   tag:exit may carry 10.1.0.0/16 and all within it",
    "from now   names in corp.example are asked of 10.1.1.53",
    "from now   the name printer is 10.1.1.2",
    "from now   a key that came in by static expires after 90 days",
    "from now   a key with tag:exit does not expire",
  ]);
  assert.equal(settingsDiff(after, before).filter((line) => line.startsWith("no longer")).length, 7);
});
