import assert from "node:assert/strict";
import type { GhostError } from "../wire/errors.ts";
import { openStateDir, readJson, writeJson, writeSecret } from "./state_dir.ts";

async function inTemp(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const mode = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;

Deno.test("openStateDir() makes a folder of mode 0700 and tightens an empty one", () =>
  inTemp(async (dir) => {
    assert.equal(await openStateDir("ghostlink", `${dir}/a/b`), `${dir}/a/b`);
    assert.equal(await mode(`${dir}/a/b`), 0o700);
    await Deno.mkdir(`${dir}/open`);
    await Deno.chmod(`${dir}/open`, 0o777);
    await openStateDir("ghostlink", `${dir}/open`);
    assert.equal(await mode(`${dir}/open`), 0o700);
  }));

Deno.test("openStateDir() leaves a folder with content as it is, and refuses one that others may write", () =>
  inTemp(async (dir) => {
    await Deno.mkdir(`${dir}/etc`);
    await Deno.chmod(`${dir}/etc`, 0o755);
    await Deno.writeTextFile(`${dir}/etc/x`, "");
    await openStateDir("ghostlink", `${dir}/etc`);
    assert.equal(await mode(`${dir}/etc`), 0o755);
    await Deno.chmod(`${dir}/etc`, 0o777);
    await assert.rejects(
      openStateDir("ghostlink", `${dir}/etc`),
      (e: GhostError) => e.code === "bad_config" && /chmod 700/.test(e.line),
    );
    await assert.rejects(openStateDir("ghostlink", `${dir}/etc/x`), (e: GhostError) => e.code === "bad_config");
  }));

Deno.test("writeSecret() replaces a file with mode 0600 and leaves nothing beside it", () =>
  inTemp(async (dir) => {
    await Deno.writeTextFile(`${dir}/key`, "old");
    await Deno.chmod(`${dir}/key`, 0o644);
    await Promise.all([writeSecret(`${dir}/key`, "a"), writeSecret(`${dir}/key`, new Uint8Array([97]))]);
    assert.equal(await Deno.readTextFile(`${dir}/key`), "a");
    assert.equal(await mode(`${dir}/key`), 0o600);
    assert.deepEqual([...Deno.readDirSync(dir)].map((f) => f.name), ["key"]);
    await assert.rejects(writeSecret(`${dir}/none/key`, "a"));
  }));

Deno.test("readJson() gives undefined for no file and names a broken one", () =>
  inTemp(async (dir) => {
    assert.equal(await readJson(`${dir}/x.json`), undefined);
    await writeJson(`${dir}/x.json`, { a: [1] });
    assert.deepEqual(await readJson(`${dir}/x.json`), { a: [1] });
    await Deno.writeTextFile(`${dir}/x.json`, "{");
    await assert.rejects(readJson(`${dir}/x.json`), (e: GhostError) => e.line === `${dir}/x.json: Not valid JSON`);
  }));
