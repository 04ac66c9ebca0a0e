import assert from "node:assert/strict";
import { join } from "node:path";
import { MIXED_FAMILIES } from "../setup.ts";
import { mended, ownVersion, versionOf } from "./go.ts";

Deno.test("a mend changes its one place, and a source that reads otherwise is refused", () => {
  const mend = { name: "m", file: "a/b.go", from: "old", to: "new" };
  assert.equal(mended("an old line", mend), "an new line");
  for (const source of ["nothing of it", "old and old"]) {
    assert.throws(() => mended(source, mend), { message: /a\/b\.go does not read as the mend "m" expects/ });
  }
});

Deno.test("a mended program is another version than the published one, so it is built anew", () => {
  const module = "example.com/x@v1.2.3";
  assert.equal(versionOf({ module }), "v1.2.3");
  assert.equal(versionOf({ module, mend: MIXED_FAMILIES }), "v1.2.3+mixed-families");
});

Deno.test("ownVersion() is the same for the same files, and another one for another text or name", async () => {
  const version = async (files: Record<string, string>) => {
    const folder = await Deno.makeTempDir();
    try {
      for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
      return await ownVersion(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  const files = { "main.go": "package main", "go.mod": "module x" };
  const one = await version(files);
  assert.match(one, /^[0-9a-f]{16}$/);
  assert.equal(await version({ "go.mod": "module x", "main.go": "package main" }), one);
  assert.notEqual(await version({ ...files, "go.mod": "module y" }), one);
  assert.notEqual(await version({ "main.go": "package main", "go.sum": "module x" }), one);
});
