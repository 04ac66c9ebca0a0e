import assert from "node:assert/strict";
import { countSummaries } from "./run_tests.ts";

Deno.test("countSummaries() adds up what deno test says, coloured or not", () => {
  const output = [
    "a ... ok (3ms)",
    "ok | 12 passed (3 steps) | 0 failed (1s)",
    "\x1b[0m\x1b[31mFAILED\x1b[0m | 4 passed | 2 failed (3 steps) | 1 ignored \x1b[38;5;245m(2s)\x1b[0m",
    "ok, but not a summary | 9 passed",
  ].join("\n");
  assert.deepEqual(countSummaries(output), { passed: 16, failed: 2 });
});
