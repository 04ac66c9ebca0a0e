/** The checks that `deno task attacks:mutate` removes are still where it looks for them. */
import assert from "node:assert/strict";
import { MUTATIONS } from "./mutations.ts";

Deno.test("every check that is removed stands in its file once", async () => {
  const wrong: string[] = [];
  for (const { what, edits } of MUTATIONS) {
    for (const { file, check } of edits) {
      const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url)).catch(() => "");
      if (text.split(check).length !== 2) wrong.push(`${what}: ${file} does not hold this once: ${check}`);
    }
  }
  assert.deepEqual(wrong, []);
});
