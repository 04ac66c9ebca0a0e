/** A dozen telling cells of the matrix (scripts/matrix.ts has them all): real daemons, each pair behind routers of its own. */
import assert from "node:assert/strict";
import { holds, Matrix } from "../../scripts/matrix/cell.ts";
import { expected, type Kind } from "../../scripts/matrix/kinds.ts";
import { fixture } from "./support.ts";

const CELLS: [Kind, Kind][] = [
  ["eim_apdf", "eim_apdf"],
  ["eim_apdf_not_preserving", "eim_apdf_not_preserving"],
  ["eim_adf", "eim_apdf"],
  ["hairpin", "eim_apdf_not_preserving"],
  ["one_to_one", "apdm_apdf"],
  ["apdm_apdf", "eim_eif"],
  ["apdm_apdf", "eim_adf"],
  ["public", "apdm_apdf"],
  ["cgnat", "double"],
  ["double", "double"],
  ["dual_stack", "dual_stack"],
  ["eim_apdf_not_preserving", "apdm_apdf"],
  ["apdm_apdf", "apdm_apdf"],
  ["adm_apdf", "adm_apdf"],
  ["udpblock", "eim_eif"],
  ["udpblock", "udpblock"],
];

const test = fixture(() => Matrix.open());

for (const [a, b] of CELLS) {
  test(`${a} with ${b} is ${expected(a, b)}`, async (matrix) => {
    // Two such NATs open no sockets for each other, and say so.
    const hopeless = [a, b].every((kind) => kind === "apdm_apdf" || kind === "adm_apdf");
    const result = await matrix.run(a, b, hopeless ? { says: /no guess is made: both machines' NATs/ } : {});
    assert.ok(holds(a, b, result), JSON.stringify(result));
    if (a === "dual_stack") assert.match(result.endpoint ?? "", /^\[2001:db8:/);
    if (result.rung === "direct") assert.deepEqual(result.lost, [], JSON.stringify(result));
  });
}
