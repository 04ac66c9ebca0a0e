import assert from "node:assert/strict";
import { checkPolicy, parsePolicy } from "./parse.ts";

Deno.test("[network] grace: a month unless the policy says otherwise", () => {
  assert.equal(parsePolicy("").grace, 30 * 86_400);
  assert.equal(parsePolicy("[network]").grace, 30 * 86_400);
  assert.equal(parsePolicy('[network]\ngrace = "90m"').grace, 5400);
  assert.equal(parsePolicy('[network]\ngrace = "400d"').grace, 400 * 86_400);
  for (const bad of ['"0d"', '"1y"', '"99999d"', "30", '""']) {
    assert.equal(checkPolicy(`[network]\ngrace = ${bad}`).faults.length, 1, bad);
  }
  assert.match(checkPolicy('[network]\ngrase = "1d"').faults[0]!.mend!, /grace/);
});
