import assert from "node:assert/strict";
import { compile, recompile, sees } from "./compile.ts";
import { parsePolicy } from "./parse.ts";
import type { PolicyNode } from "./types.ts";

Deno.test("recompile() of 10,000 machines and 500 rules works out only the machine that changed and those it touches", () => {
  const names = Array.from({ length: 250 }, (_, i) => `t${i}`);
  const policy = parsePolicy(
    `[tags]\n${names.map((n) => `${n} = []\n`).join("")}` +
      names.map((n, i) =>
        `[[allow]]\nfrom = ["tag:${n}"]\nto = ["tag:${names[(i + 1) % 250]}"]\nports = ["tcp/${i + 1}"]\n` +
        `[[allow]]\nfrom = ["u${i}@x.y"]\nto = ["10.${i}.0.0/16"]\n`
      ).join(""),
  );
  const nodes = Array.from({ length: 10_000 }, (_, i): PolicyNode => ({
    id: `id${i}`,
    name: `n${i}`,
    tags: [`tag:t${i % 250}`],
    user: `u${i % 250}@x.y`,
    ipv4: `100.${64 + (i >> 16)}.${i >> 8 & 255}.${i & 255}`,
    ipv6: `fd00::${(i + 1).toString(16)}`,
  }));
  const routes = [{ prefix: "10.1.0.0/16", node: "id1" }, { prefix: "100.64.0.0/24", node: "id2" }];
  const whole = compile(policy, { nodes, routes });
  assert.deepEqual(whole.work, { machines: 10_000, routes: 2 });
  const change = (node: PolicyNode) => recompile(whole, new Map([[node.id, node]]));
  const retagged = change({ ...nodes[5000]!, tags: ["tag:t7"] });
  assert.deepEqual(retagged.work, { machines: 1, routes: 0 });
  assert.equal(retagged.machines.get("id4999"), whole.machines.get("id4999"), "shared, not made again");
  assert.equal(sees(retagged, "id5000", "id8"), true);
  assert.equal(sees(whole, "id5000", "id8"), false);
  // An address that leaves a routed prefix gives it back to the carrier, and touches nobody else.
  assert.deepEqual(change({ ...nodes[9]!, ipv4: "100.66.0.9" }).work, { machines: 2, routes: 2 });
});
