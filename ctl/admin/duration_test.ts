import assert from "node:assert/strict";
import { parseDuration } from "./duration.ts";

Deno.test("parseDuration() gives seconds, or null", () => {
  assert.deepEqual(["90s", "90m", "24h", "7d", "4w"].map(parseDuration), [90, 5400, 86_400, 604_800, 2_419_200]);
  for (const bad of ["", "24", "h", "-1h", "1.5h", "0h", "1y", "24 h"]) assert.equal(parseDuration(bad), null, bad);
});
