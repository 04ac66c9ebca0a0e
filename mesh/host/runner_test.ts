import assert from "node:assert/strict";
import type { GhostError } from "../wire/errors.ts";
import { findTool, systemRunner } from "./runner.ts";

Deno.test("systemRunner.run() feeds stdin, gives output and code, and passes no environment on", async () => {
  assert.deepEqual(await systemRunner.run("/bin/cat", [], { stdin: "hello\n" }), {
    code: 0,
    stdout: "hello\n",
    stderr: "",
  });
  const env = await systemRunner.run("/usr/bin/env", [], { env: { A: "1" } });
  assert.equal(env.stdout, "A=1\n");
  assert.equal((await systemRunner.run("/bin/false", [])).code, 1);
  // A program that does not read its input is no error of ours.
  assert.equal((await systemRunner.run("/bin/true", [], { stdin: "x".repeat(1 << 20) })).code, 0);
});

Deno.test("systemRunner.run() refuses relative paths, names a missing program and ends one that hangs", async () => {
  await assert.rejects(systemRunner.run("cat", []), TypeError);
  await assert.rejects(systemRunner.run("/no/such/tool", []), (e: GhostError) => e.code === "missing_tool");
  await assert.rejects(
    systemRunner.run("/bin/sleep", ["600"], { timeout: 20 }),
    (e: GhostError) => e.code === "timeout",
  );
});

Deno.test("systemRunner.spawn() tells lines and ends on kill()", async () => {
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const child = systemRunner.spawn("/bin/cat", ["/proc/self/cmdline", "/proc/self/status", "/dev/zero"], {
    onLine: (line) => {
      if (lines.push(line) === 3) resolve();
    },
  });
  await promise;
  child.kill();
  assert.equal((await child.status).signal, "SIGTERM");
  child.kill();
  assert.match(lines.join("\n"), /Name:\s+cat/);
});

Deno.test("findTool() gives an absolute path or says what to install", async () => {
  assert.match(await findTool("cat", "-"), /^\/.*\/cat$/);
  await assert.rejects(
    findTool("no-such-tool", "apt-get install it"),
    (e: GhostError) => e.code === "missing_tool" && e.mend === "apt-get install it",
  );
});
