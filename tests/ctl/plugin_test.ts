/** `ghostctl-NAME` on PATH, through the launcher. */
import assert from "node:assert/strict";
import type { Ended } from "./world.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function launched(path: string, ...args: string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [`${ROOT}scripts/launch.sh`, "ctl", ...args],
    env: { PATH: `${path}:${Deno.env.get("PATH")}`, GHOSTMESH_DENO: Deno.execPath() },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

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
