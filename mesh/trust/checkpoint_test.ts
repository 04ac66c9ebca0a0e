/** Opening a ledger again: signatures are checked once, and nothing that does not fit a checkpoint is believed by it. */
import assert from "node:assert/strict";
import { Ledger } from "./ledger.ts";
import { ghost } from "./testdata/assert.ts";
import { add, genesis, grantKey, grantOf, network } from "./testdata/network.ts";

/** The same text with another signature of the right form: only a check of signatures can tell. */
function forge(jws: string): string {
  const [head, body, signature] = jws.split(".");
  return `${head}.${body}.${signature![0] === "A" ? "B" : "A"}${signature!.slice(1)}`;
}

Deno.test("Ledger.open() reads what was checked before, and checks what came since", async () => {
  const ledger = await network();
  const checked = ledger.head;
  await add(ledger, "policy", { format: "toml", source: "# new" });
  const again = await Ledger.open(ledger.entries, { checked });
  assert.deepEqual(again.head, ledger.head);
  assert.equal(again.policy?.source, "# new");
  const forged = [...ledger.entries.slice(0, 3), forge(ledger.entries[3]!)];
  await assert.rejects(Ledger.open(forged, { checked }), ghost("bad_signature", /^ledger\[3\]: /));
});

Deno.test("Ledger.open() checks in full what does not fit its checkpoint", async () => {
  const ledger = await network();
  const forged = [ledger.entries[0]!, ledger.entries[1]!, forge(ledger.entries[2]!)];
  await assert.rejects(Ledger.open(forged, { checked: ledger.head }), ghost("bad_signature", /^ledger\[2\]: /));
  const other = [await genesis({ name: "other" })];
  const elsewhere = await Ledger.open(other, { checked: { seq: 0, hash: ledger.hashAt(0)! } });
  assert.notEqual(elsewhere.network.id, ledger.network.id);
});

Deno.test("Ledger.open() refuses a ledger that ends before its checkpoint", async () => {
  const ledger = await network();
  await assert.rejects(
    Ledger.open(ledger.entries.slice(0, 2), { checked: ledger.head }),
    ghost("ledger_rollback", /Ends at entry 1, but 2 is known/),
  );
});

Deno.test("Ledger.open() reads ten thousand entries, without their signatures the second time", async () => {
  const ledger = await network();
  for (let i = 0; i < 10_000; i++) await add(ledger, "grant", grantOf(grantKey, { uses: 1 + i }));
  const once = await Ledger.open(ledger.entries);
  const again = await Ledger.open(ledger.entries, { checked: once.head });
  assert.deepEqual(again.head, ledger.head);
  assert.deepEqual(once.head, ledger.head);
});
