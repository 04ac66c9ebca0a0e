import assert from "node:assert/strict";
import { Process } from "./process.ts";

const shell = (script: string) => new Process("sh", ["/bin/sh", "-c", script], { env: { PATH: "/usr/bin:/bin" } });

Deno.test("Process.line() waits for what a program that has ended still has under way", async () => {
  assert.equal((await shell("(sleep 0.3; echo last) & exit 0").line(/last/)).text, "last");
});

Deno.test("Process.line() fails when the program has ended without the line, and shows the last ones", async () => {
  await assert.rejects(shell("echo first; echo second >&2").line(/third/), /ended before it wrote [^]*second/);
});
