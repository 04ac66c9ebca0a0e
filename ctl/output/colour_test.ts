import assert from "node:assert/strict";
import { wantsColour } from "./colour.ts";

Deno.test("wantsColour() is for terminals, NO_COLOR wins, FORCE_COLOR does without a terminal", () => {
  const wants = (terminal: boolean, env: Record<string, string> = {}) => wantsColour({ terminal, env: (n) => env[n] });
  assert.deepEqual([wants(true), wants(false)], [true, false]);
  assert.deepEqual([wants(true, { TERM: "dumb" }), wants(true, { NO_COLOR: "1" }), wants(true, { NO_COLOR: "" })], [
    false,
    false,
    true,
  ]);
  assert.deepEqual([wants(false, { FORCE_COLOR: "1" }), wants(false, { FORCE_COLOR: "0" })], [true, false]);
  assert.equal(wants(true, { FORCE_COLOR: "1", NO_COLOR: "1" }), false);
});
