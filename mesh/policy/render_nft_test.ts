import assert from "node:assert/strict";
import { compile } from "./compile.ts";
import { filterFor } from "./filter.ts";
import { parsePolicy } from "./parse.ts";
import { renderFilter } from "./render_nft.ts";
import { CLOSED, type PolicyNode } from "./types.ts";

const NODES: PolicyNode[] = [
  { id: "me", name: "me", tags: [], user: null, ipv4: "100.64.0.1", ipv6: "fd00::1" },
  { id: "two", name: "two", tags: [], user: "bob@x.y", ipv4: "100.64.0.2", ipv6: "fd00::2" },
  { id: "three", name: "three", tags: [], user: "ann@x.y", ipv4: "100.64.0.3", ipv6: "fd00::3" },
];

function accepts(policy: string): string[] {
  const filter = filterFor(compile(parsePolicy(policy), { nodes: NODES, routes: [] }), "me");
  return renderFilter(filter, { iface: "ghost0" }).match(/ip6? saddr @.* accept/g) ?? [];
}

Deno.test("renderFilter() accepts nothing new when no rule allows anything", () => {
  assert.deepEqual(accepts(""), []);
});

Deno.test("renderFilter() makes one line of rules that share destinations and ports", () => {
  const rules = ["ann@x.y", "bob@x.y"].map((u) =>
    `[[allow]]\nfrom = ["${u}"]\nto = ["*"]\nports = ["tcp/1", "icmp"]\n`
  );
  assert.deepEqual(accepts(rules.join("")), [
    "ip saddr @policy_set0 ip daddr @policy_set1 meta l4proto tcp th dport { 1 } counter accept",
    "ip saddr @policy_set0 ip daddr @policy_set1 meta l4proto icmp counter accept",
    "ip6 saddr @policy_set2 ip6 daddr @policy_set3 meta l4proto tcp th dport { 1 } counter accept",
    "ip6 saddr @policy_set2 ip6 daddr @policy_set3 meta l4proto ipv6-icmp counter accept",
  ]);
});

Deno.test("renderFilter() takes no interface name that nft would read otherwise", () => {
  for (const iface of ['x" accept', "", "a name", "longer-than-15-characters"]) {
    assert.throws(() => renderFilter(CLOSED, { iface }), RangeError);
  }
});
