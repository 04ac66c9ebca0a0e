import assert from "node:assert/strict";
import { type ForeignTable, shutChains, shutLine } from "./foreign.ts";

type Expr = Record<string, unknown>;
const match = (key: string, right: unknown): Expr => ({ match: { op: "==", left: { meta: { key } }, right } });
const state: Expr = { match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] } };
const [accept, drop, reject, count]: Expr[] = [{ accept: null }, { drop: null }, { reject: {} }, {
  counter: { packets: 0, bytes: 0 },
}];

function table(policy: string, ...rules: [chain: string, ...expr: Expr[]][]): ForeignTable {
  return {
    family: "ip",
    name: "filter",
    chains: [{ name: "FORWARD", policy }],
    rules: rules.map(([chain, ...expr]) => ({ chain, expr })),
  };
}
const shut = (t: ForeignTable) => shutChains(t, "ghost0").length === 1;

Deno.test("shutChains() finds chains that drop by policy or by their last word, as Docker, ufw and firewalld have them", () => {
  assert.ok(shut(table("drop", ["FORWARD", { jump: { target: "DOCKER-USER" } }], ["FORWARD", state, accept!])));
  assert.ok(shut(table("accept", ["FORWARD", state, accept!], ["FORWARD", count!, reject!])));
  assert.ok(
    shut(table("accept", ["FORWARD", drop!], ["FORWARD", accept!])),
    "the first word that holds for all counts",
  );
  assert.ok(shut(table("drop", ["FORWARD", match("iifname", "docker0"), accept!])));
  assert.ok(!shut(table("accept", ["FORWARD", match("iifname", "docker0"), drop!])));
  assert.ok(!shut(table("drop", ["FORWARD", count!, accept!])));
  assert.deepEqual(shutChains({ ...table("drop"), chains: [] }, "ghost0"), []);
});

Deno.test("shutChains() is content with a rule for the tunnel anywhere in the table, but not with one that drops", () => {
  for (const key of ["iifname", "oifname"]) {
    assert.ok(!shut(table("drop", ["DOCKER-USER", match(key, "ghost0"), count!, accept!])), key);
  }
  assert.ok(!shut(table("drop", ["FORWARD", match("iifname", { set: ["lo", "ghost0"] }), accept!])));
  assert.ok(!shut(table("drop", ["FORWARD", match("iifname", "ghost*"), { goto: { target: "trusted" } }])));
  assert.ok(shut(table("drop", ["FORWARD", match("iifname", "ghost0"), drop!])));
  assert.ok(shut(table("drop", ["FORWARD", match("iifname", "ghost01"), accept!])));
  assert.ok(shut(table("drop", ["FORWARD", match("l4proto", "ghost0"), accept!])));
});

Deno.test("shutLine() says where and what to type", () => {
  assert.match(
    shutLine(table("drop", ["FORWARD", { jump: { target: "DOCKER-USER" } }]), "FORWARD", "ghost0"),
    /chain FORWARD of the nftables table ip filter.*iptables -I DOCKER-USER -i ghost0 -j ACCEPT/,
  );
  assert.match(shutLine(table("drop"), "FORWARD", "ghost0"), /iptables -I FORWARD -i ghost0/);
  assert.match(shutLine({ ...table("drop"), family: "inet", name: "firewalld" }, "f", "ghost0"), /accepts ghost0/);
});
