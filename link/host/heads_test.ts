import assert from "node:assert/strict";
import { add, network } from "../../mesh/trust/testdata/network.ts";
import { Heads } from "./heads.ts";

Deno.test("Heads hands a peer that is behind what it lacks, in order and not over and over", async () => {
  const ledger = await network();
  const old = ledger.head;
  const first = await add(ledger, "policy", { format: "toml", source: "" });
  const second = await add(ledger, "policy", { format: "toml", source: "# two\n" });
  const heads = new Heads(ledger);
  assert.deepEqual(heads.missing("bob", old, 0), [first, second]);
  assert.deepEqual(heads.missing("bob", old, 1999), []);
  assert.deepEqual(heads.missing("carol", old, 1999), [first, second]);
  assert.deepEqual(heads.missing("bob", old, 2000), [first, second]);
  assert.deepEqual(heads.missing("bob", ledger.head, 9000), []);
  assert.deepEqual(heads.missing("bob", { seq: 99, hash: old.hash }, 9000), [], "who is ahead lacks nothing");
});

Deno.test("Heads keeps within a box: what does not fit comes next time", async () => {
  const ledger = await network();
  const old = ledger.head;
  for (let i = 0; i < 5; i++) await add(ledger, "policy", { format: "toml", source: `# ${"x".repeat(3000)} ${i}\n` });
  const heads = new Heads(ledger);
  const some = heads.missing("bob", old, 0);
  assert.ok(some.length > 0 && some.join("").length <= 8000);
  assert.equal(some[0], ledger.at(old.seq + 1));
});

Deno.test("Heads tells a contradiction from being ahead or behind", async () => {
  const ledger = await network();
  const heads = new Heads(ledger);
  assert.equal(heads.contradicts(ledger.head), false);
  assert.equal(heads.contradicts({ seq: ledger.head.seq + 1, hash: ledger.head.hash }), false);
  assert.equal(heads.contradicts({ seq: 1, hash: ledger.head.hash }), true);
});
