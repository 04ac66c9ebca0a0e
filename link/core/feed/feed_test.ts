import assert from "node:assert/strict";
import { Feed } from "./feed.ts";

const ids = <T>(page: { items: { id: number; item: T }[] }) => page.items.map(({ id }) => id);

Deno.test("Feed keeps the newest and counts what a slow reader missed", () => {
  const feed = new Feed<string>(3);
  assert.deepEqual(feed.after(0), { items: [], lost: 0 });
  for (let n = 1; n <= 10; n++) feed.push(`item ${n}`);
  assert.deepEqual(feed.after(0), {
    items: [{ id: 8, item: "item 8" }, { id: 9, item: "item 9" }, { id: 10, item: "item 10" }],
    lost: 7,
  });
  assert.deepEqual([ids(feed.after(8)), feed.after(8).lost], [[9, 10], 0]);
  assert.deepEqual(ids(feed.after(7, 2)), [8, 9]);
  assert.deepEqual(feed.after(10), { items: [], lost: 0 });
  assert.deepEqual(feed.after(99), { items: [], lost: 0 }, "a number from before a restart");
});

Deno.test("Feed wakes each who waits once, and nobody who has gone", () => {
  const feed = new Feed<number>(2);
  const woken: string[] = [];
  feed.onMore(() => woken.push("a"));
  feed.onMore(() => woken.push("b"))();
  feed.push(1);
  feed.push(2);
  assert.deepEqual(woken, ["a"]);
  assert.throws(() => new Feed(0), RangeError);
});
