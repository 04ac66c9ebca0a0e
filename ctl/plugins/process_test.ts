import assert from "node:assert/strict";
import { manifest } from "./manifest.ts";
import { runModule } from "./process.ts";

Deno.test("runModule() ends a module that does not end", async () => {
  const run = runModule({
    source: "for (;;);",
    file: "/plugins/endless.ts",
    allowed: manifest.shape.permissions.parse(undefined),
    closed: ["/plugins"],
    timeout: 1000,
    state: () => Promise.reject(new Error("nothing is asked")),
    print: () => assert.fail("printed"),
    remark: () => assert.fail("remarked"),
  }, { action: "describe" });
  await assert.rejects(run, /The plugin did not end within 1 s/);
});
