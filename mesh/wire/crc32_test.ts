import assert from "node:assert/strict";
import { crc32 } from "./crc32.ts";
import { utf8 } from "./encoding.ts";

Deno.test("crc32() gives the check value of the catalogue", () => {
  assert.equal(crc32(utf8("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});
