import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT, run } from "../lib/run.ts";
import { Process, waitFor } from "./process.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  Deno.test(`insideWorld() leaves nothing behind when it is ended by ${signal}`, async () => {
    const mark = `${100_000 + Math.floor(Math.random() * 800_000)}.5`;
    const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];
    const argv = [Deno.execPath(), "run", ...settings, join(import.meta.dirname!, "testdata", "sleeper.ts"), mark];
    const world = new Process("world", argv, { env: Deno.env.toObject() });
    const running = async () => (await run(["ps", "-eo", "args"])).stdout.includes(`sleep ${mark}`);
    await world.line(/ready/);
    await waitFor("the sleeper", running);
    await world.stop(signal);
    await waitFor("the end of everything in the world", async () => !(await running()));
  });
}

Deno.test("insideWorld() gives the exit code of the program inside", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const world = JSON.stringify(join(import.meta.dirname!, "world.ts"));
    await Deno.writeTextFile(file, `import { insideWorld } from ${world}; await insideWorld(); Deno.exit(7);`);
    const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];
    assert.equal((await run([Deno.execPath(), "run", ...settings, file], { codes: "any" })).code, 7);
  } finally {
    await Deno.remove(file);
  }
});
