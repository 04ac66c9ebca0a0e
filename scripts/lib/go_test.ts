import assert from "node:assert/strict";
import { MIXED_FAMILIES } from "../setup.ts";
import { mended, versionOf } from "./go.ts";

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
