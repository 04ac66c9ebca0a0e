import assert from "node:assert/strict";
import { LedgerFile } from "./ledger_file.ts";

Deno.test("LedgerFile keeps what was appended and heals a last line that was cut short", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = new LedgerFile(`${dir}/ledger.jsonl`);
    assert.deepEqual(await file.read(), []);
    await file.append(["a.a.a", "b.b.b"]);
    await file.append(["c.c.c"]);
    assert.deepEqual(await file.read(), ["a.a.a", "b.b.b", "c.c.c"]);
    assert.equal((await Deno.stat(file.path)).mode! & 0o777, 0o600);
    await Deno.writeTextFile(file.path, "d.d", { append: true });
    assert.deepEqual(await file.read(), ["a.a.a", "b.b.b", "c.c.c"]);
    await file.append(["d.d.d"]);
    assert.deepEqual(await file.read(), ["a.a.a", "b.b.b", "c.c.c", "d.d.d"]);
    await file.replace(["z.z.z"]);
    assert.deepEqual(await file.read(), ["z.z.z"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
