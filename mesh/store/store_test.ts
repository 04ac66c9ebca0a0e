import assert from "node:assert/strict";
import { commit, FEED_KEPT, type FeedItem } from "./commit.ts";
import { readFeed, readHead, watchHead } from "./feed.ts";
import { keys } from "./keys.ts";
import { appendLedger, type NewEntry, readLedger } from "./ledger.ts";
import { useProof } from "./replay.ts";
import { claimNetwork, readClaim } from "./setup.ts";
import { twin } from "./testing.ts";
import { CHUNK, getText, putText } from "./text.ts";

const NET = "n".repeat(32);
const entry = (jws: string): NewEntry => ({ jws, touches: "nobody", settles: [] });
const hash = (seq: number) => `hash${seq}`;

async function claim(kv: Deno.Kv): Promise<void> {
  await claimNetwork(kv, { net: NET, head: { seq: 0, hash: hash(0) }, entries: [entry("genesis")] });
}

function add(kv: Deno.Kv, items: FeedItem[]): Promise<void> {
  return commit(kv, NET, () => Promise.resolve({ items, write() {}, result: undefined }));
}

Deno.test("commit() gives every change its place in one order, from several instances at once", async () => {
  using kv = await Deno.openKv(":memory:");
  await claim(kv);
  const instances = [kv, twin(kv), twin(kv)];
  await Promise.all(Array.from({ length: 60 }, (_, i) => add(instances[i % 3]!, [{ t: "gate", id: `g${i}` }])));
  assert.equal((await readHead(kv, NET))?.seq, 61);
  const items = await readFeed(kv, NET, { after: 1, upto: 61 });
  assert.equal(new Set(items!.map((item) => item.t === "gate" ? item.id : "")).size, 60);
});

Deno.test("readFeed() keeps the newest items and says when older ones are gone", async () => {
  using kv = await Deno.openKv(":memory:");
  await claim(kv);
  const some: FeedItem[] = Array.from({ length: 450 }, () => ({ t: "mail", to: "x" }));
  while ((await readHead(kv, NET))!.seq <= FEED_KEPT + 450) await add(kv, some);
  const { seq } = (await readHead(kv, NET))!;
  assert.equal((await readFeed(kv, NET, { after: seq - FEED_KEPT, upto: seq }))?.length, FEED_KEPT);
  assert.equal(await readFeed(kv, NET, { after: seq - FEED_KEPT - 1, upto: seq }), null);
  assert.equal(await readFeed(kv, NET, { after: seq + 1, upto: seq }), null);
  assert.deepEqual(await readFeed(kv, NET, { after: seq, upto: seq }), []);
});

Deno.test("watchHead() tells of changes until it is aborted", async () => {
  using kv = await Deno.openKv(":memory:");
  await claim(kv);
  const seen: number[] = [];
  const abort = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const changed = async () => {
    seen.push((await readHead(kv, NET))!.seq);
    if (seen.at(-1) === 3) resolve();
  };
  const watching = watchHead(kv, NET, { signal: abort.signal, changed });
  await add(kv, [{ t: "gate", id: "a" }]);
  await add(kv, [{ t: "gate", id: "b" }]);
  await promise;
  abort.abort();
  await watching;
});

Deno.test("appendLedger() takes entries of any size and refuses a moved base", async () => {
  using kv = await Deno.openKv(":memory:");
  await claim(kv);
  const texts = ["a".repeat(3 * CHUNK + 1), ...Array.from({ length: 63 }, (_, i) => `${i}`.repeat(8_000))];
  const append = (base: number) =>
    appendLedger(kv, NET, {
      base: { seq: base, hash: hash(base) },
      next: { seq: base + 64, hash: hash(base + 64) },
      entries: texts.map(entry),
    });
  await append(0);
  assert.deepEqual(await readLedger(kv, NET, { from: 1, upto: 64 }), texts);
  assert.deepEqual(await readLedger(kv, NET, { from: 65, upto: 64 }), []);
  await assert.rejects(append(0), { code: "ledger_moved" });
  await assert.rejects(readLedger(kv, NET, { from: 60, upto: 70 }), { code: "internal" });
});

Deno.test("putText() and getText() agree around the size of a chunk", async () => {
  using kv = await Deno.openKv(":memory:");
  for (const length of [0, 1, CHUNK, CHUNK + 1, 12 * CHUNK]) {
    const text = "x".repeat(length);
    assert.equal(await getText(kv, NET, await putText(kv, NET, { text })), text);
  }
});

Deno.test("useProof() takes a proof once, also in parallel", async () => {
  using kv = await Deno.openKv(":memory:");
  const use = () => useProof(kv, NET, { key: "k", jti: "j" }).then(() => "used", (e) => e.code);
  const all = await Promise.all([use(), use(), use()]);
  assert.deepEqual(all.sort(), ["replayed", "replayed", "used"]);
});

Deno.test("readClaim() refuses a store of a later format", async () => {
  using kv = await Deno.openKv(":memory:");
  assert.equal(await readClaim(kv), null);
  await kv.set(keys.claim(), { format: 2, net: NET });
  await assert.rejects(readClaim(kv), { code: "not_supported" });
});
