import assert from "node:assert/strict";
import { Marks } from "./marks.ts";

Deno.test("Marks takes the number that it knows and higher ones, never a lower one", () => {
  const marks = new Marks();
  assert.ok(marks.isNewest("a", 1));
  marks.note("a", { seq: 5, exp: 100 });
  assert.deepEqual([4, 5, 6].map((seq) => marks.isNewest("a", seq)), [false, true, true]);
  marks.note("a", { seq: 3, exp: 200 });
  assert.ok(!marks.isNewest("a", 4));
  assert.ok(marks.isNewest("b", 1));
});

Deno.test("Marks survives being saved, until every older record has expired", () => {
  const marks = new Marks();
  marks.note("a", { seq: 5, exp: 200 });
  marks.note("a", { seq: 6, exp: 100 });
  const again = new Marks();
  again.load(marks.save(199));
  assert.ok(!again.isNewest("a", 5));
  assert.deepEqual(again.save(200), []);
  assert.ok(again.isNewest("a", 1));
});

Deno.test("Marks lets a machine's number in again only after it was forgotten, and never a lower one", () => {
  const marks = new Marks();
  assert.ok(marks.take("a", { seq: 5, exp: 100 }, null));
  assert.ok(!marks.take("a", { seq: 5, exp: 100 }, 5), "the same again is no news");
  assert.ok(marks.take("a", { seq: 5, exp: 100 }, null));
  assert.ok(!marks.take("a", { seq: 4, exp: 900 }, null));
  assert.deepEqual(marks.save(0), [["a", 5, 100]], "what is not taken leaves no mark");
});
