/** A dozen telling cells of the matrix (scripts/matrix.ts has them all): real daemons, each pair in a world of its own. */
import assert from "node:assert/strict";
import { holds, runCell } from "../../scripts/matrix/cell.ts";
import { expected, type Kind } from "../../scripts/matrix/kinds.ts";
import { labTest } from "./support.ts";

const CELLS: [Kind, Kind][] = [
  ["eim_apdf", "eim_apdf"],
  ["eim_apdf_not_preserving", "eim_apdf_not_preserving"],
  ["eim_adf", "eim_apdf"],
  ["hairpin", "eim_apdf_not_preserving"],
  ["one_to_one", "apdm_apdf"],
  ["apdm_apdf", "eim_eif"],
  ["apdm_apdf", "eim_adf"],
  ["double", "eim_apdf"],
  ["double", "double"],
  ["eim_apdf_not_preserving", "apdm_apdf"],
  ["apdm_apdf", "apdm_apdf"],
  ["adm_apdf", "adm_apdf"],
  ["udpblock", "eim_eif"],
  ["udpblock", "udpblock"],
];

for (const [a, b] of CELLS) {
  labTest(`${a} with ${b} is ${expected(a, b)}`, async () => {
    const result = await runCell(a, b);
    assert.ok(holds(a, b, result), JSON.stringify(result));
    // WireGuard itself may lose what crosses in the handshake; the climb loses nothing.
    if (result.rung === "direct") assert.equal(result.lost, 0, JSON.stringify(result));
  });
}
