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

Deno.test("LedgerFile.read() writes nothing, so that it cannot undo an append that is under way", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = new LedgerFile(`${dir}/ledger.jsonl`);
    await Deno.writeTextFile(file.path, "a.a.a\nb.b");
    assert.deepEqual(await file.read(), ["a.a.a"]);
    assert.equal(await Deno.readTextFile(file.path), "a.a.a\nb.b");
    await file.append(["b.b.b", "c.c.c"]);
    assert.equal(await Deno.readTextFile(file.path), "a.a.a\nb.b.b\nc.c.c\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("LedgerFile keeps how far it was checked, and other branches, beside the entries", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = new LedgerFile(`${dir}/ledger.jsonl`);
    assert.deepEqual([await file.checked(), await file.evidence()], [null, null]);
    const head = { seq: 3, hash: "A".repeat(43) };
    const evidence = { seen: 2, entries: ["a.a.a"] };
    await file.saveChecked(head);
    await file.saveEvidence(evidence);
    assert.deepEqual([await file.checked(), await file.evidence()], [head, evidence]);
    assert.equal((await Deno.stat(`${dir}/ledger.fork.json`)).mode! & 0o777, 0o600);
    await file.saveEvidence(null);
    assert.equal(await file.evidence(), null);
    await Deno.writeTextFile(`${dir}/ledger.checked.json`, "{}");
    await assert.rejects(file.checked(), { code: "bad_config" });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("LedgerFile.append() that fails half-way leaves what was there, and can be tried again", async () => {
  const dir = await Deno.makeTempDir();
  const { write } = Deno.FsFile.prototype;
  try {
    const file = new LedgerFile(`${dir}/ledger.jsonl`);
    await file.append(["a.a.a"]);
    let room = 8;
    Deno.FsFile.prototype.write = async function (bytes) {
      if (room === 0) throw new Error("No space left on device");
      const part = bytes.subarray(0, room);
      room -= part.length;
      return await write.call(this, part);
    };
    await assert.rejects(file.append(["b.b.b", "c.c.c"]), /No space/);
    Deno.FsFile.prototype.write = write;
    assert.deepEqual(await file.read(), ["a.a.a"]);
    await file.append(["b.b.b", "c.c.c"]);
    assert.deepEqual(await file.read(), ["a.a.a", "b.b.b", "c.c.c"]);
  } finally {
    Deno.FsFile.prototype.write = write;
    await Deno.remove(dir, { recursive: true });
  }
});
