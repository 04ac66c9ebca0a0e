import assert from "node:assert/strict";
import { readOptions } from "./options.ts";
import { Misuse } from "./run.ts";

const USAGE = "deno task x [--at-once N] [--keep]";
const read = (...args: string[]) =>
  readOptions(USAGE, { "at-once": { type: "string" }, keep: { type: "boolean" } }, args);

Deno.test("readOptions() gives what is typed, and refuses the rest in one line that says how it should be", () => {
  assert.deepEqual({ ...read("--at-once", "3", "--keep") }, { "at-once": "3", keep: true });
  for (const args of [["word"], ["--other"], ["--at-once"], ["--keep=no"], ["--at-once", "--keep"]]) {
    assert.throws(() => read(...args), (error) => {
      assert.ok(error instanceof Misuse, args.join(" "));
      assert.match(error.message, /^[^\n]+; usage: deno task x \[--at-once N\] \[--keep\]$/);
      return true;
    });
  }
});
