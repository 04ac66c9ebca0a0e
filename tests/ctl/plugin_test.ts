/** `ghostctl-NAME` on PATH, through the launcher; typed plugins are in plugin_module_test.ts. */
import assert from "node:assert/strict";
import { launched } from "./launched.ts";

Deno.test("ghostctl NAME runs ghostctl-NAME of PATH with the words that follow; verbs of its own win", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const plugin = (name: string, text: string) =>
      Deno.writeTextFile(`${dir}/ghostctl-${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await plugin("hello", `printf '%s|' "$@"; exit 7`);
    await plugin("version", "echo taken over");
    const hello = await launched(dir, "hello", "a b", "--json", "--help");
    assert.deepEqual([hello.code, hello.stdout, hello.stderr], [7, "a b|--json|--help|", ""]);
    assert.match((await launched(dir, "version")).stdout, /^ghostctl \d/);
    const unknown = await launched(dir, "helo");
    assert.deepEqual([unknown.code, /Unknown command "helo"/.test(unknown.stderr)], [2, true]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
