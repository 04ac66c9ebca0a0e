import assert from "node:assert/strict";
import { createLog } from "../host/log.ts";
import { hashOf } from "../trust/keys.ts";
import { DraftFile } from "./draft.ts";

const GOOD = `[[allow]]\nfrom = ["*"]\nto = ["*"]\n`;

/** Waits until `done`, for at most 20 s. */
async function until(done: () => boolean): Promise<void> {
  for (let n = 0; !done(); n++) {
    if (n > 2000) throw new Error("It did not come about");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("DraftFile tells of a missing file, a fault, and a difference from the policy in force", async () => {
  const dir = await Deno.makeTempDir();
  const file = `${dir}/acls.toml`;
  const lines: string[] = [];
  const log = createLog("ghostmesh", { write: (line) => lines.push(line.replace(/^\S+ /, "")) });
  const draft = new DraftFile({ file, log, inForce: () => Promise.resolve(GOOD) });
  const stop = new AbortController();
  const watching = draft.watch(stop.signal);
  const said = (pattern: RegExp) => until(() => lines.some((line) => pattern.test(line)));
  try {
    await said(/^warn ghostmesh: acl_file does not exist file=.*acls\.toml/);
    assert.equal(draft.draft, null);
    await Deno.writeTextFile(file, GOOD);
    await until(() => draft.draft !== null);
    assert.deepEqual(draft.draft, { source: GOOD, sha256: await hashOf(GOOD) });
    assert.equal(lines.length, 1, "the same as in force is nothing to tell");
    await Deno.writeTextFile(`${file}.new`, GOOD + "# more\n"); // as editors do
    await Deno.rename(`${file}.new`, file);
    await said(/^warn .*differs from the policy in force; sign it with: ghostctl policy push .*acls\.toml/);
    await Deno.writeTextFile(file, '[[allow]]\nfrom = ["nobody@"]\nto = ["*"]\n');
    await said(/^error .*acl_file has a fault: .*acls\.toml:2:\d+: /);
    assert.equal(draft.draft, null);
  } finally {
    stop.abort();
    await watching;
    await Deno.remove(dir, { recursive: true });
  }
});
