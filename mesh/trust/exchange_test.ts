import assert from "node:assert/strict";
import fc from "fast-check";
import type { LedgerHead, LedgerMessage } from "../wire/ledger.ts";
import { LedgerExchange } from "./exchange.ts";
import { Ledger, signEntry } from "./ledger.ts";
import { GhostError } from "../wire/errors.ts";
import { add, admin, network, NOW } from "./testdata/network.ts";

type Talk = LedgerMessage | { t: "head"; head: LedgerHead };

const copyOf = (ledger: Ledger) => Ledger.open(ledger.entries);
const policy = (source: string) => ({ format: "toml" as const, source });

/** Two that talk until neither has anything to say; gives how many messages that took. */
async function talk(a: Ledger, b: Ledger, batch = 8_000): Promise<number> {
  const sides = [a, b].map((ledger) => ({ ledger, exchange: new LedgerExchange(ledger, { batch }) }));
  const queue: { to: number; message: Talk }[] = [
    { to: 1, message: { t: "head", head: a.head } },
    { to: 0, message: { t: "head", head: b.head } },
  ];
  let count = 0;
  for (let next; (next = queue.shift()); count++) {
    assert.ok(count < 1000, "it never ends");
    const { ledger, exchange } = sides[next.to]!;
    const answer = (message: Talk) => queue.push({ to: 1 - next.to, message });
    if (next.message.t === "head") {
      const messages = exchange.headSeen("other", next.message.head, count);
      messages.forEach(answer);
      if (messages.length > 0) continue;
      for (const head of exchange.behind("other", next.message.head, count)) answer({ t: "head", head });
      continue;
    }
    const { entries, send } = exchange.received("other", next.message);
    send.forEach(answer);
    let news = false;
    for (const jws of entries) {
      const taken = await ledger.take(jws).catch((error) => {
        assert.ok(error instanceof GhostError);
        return error.code === "ledger_moved" ? "ahead" : "known";
      });
      news ||= taken !== "known";
    }
    const wanted = exchange.wanted("other", count);
    wanted.forEach(answer);
    if (news && wanted.length === 0) { for (const head of exchange.heads()) answer({ t: "head", head }); }
  }
  return count;
}

Deno.test("LedgerExchange brings who is behind up to date, whatever the size of the entries", async () => {
  const old = await network();
  const ledger = await copyOf(old);
  for (let i = 0; i < 30; i++) await add(ledger, "policy", policy(`# ${"x".repeat(i % 7 === 0 ? 30_000 : 300)} ${i}`));
  const behind = await copyOf(old);
  await talk(behind, ledger);
  assert.deepEqual(behind.head, ledger.head);
  const other = await copyOf(old);
  await talk(ledger, other, 48_000);
  assert.deepEqual(other.head, ledger.head);
});

Deno.test("LedgerExchange hands nothing over and over", async () => {
  const ledger = await network();
  const old = ledger.head;
  const entry = await add(ledger, "policy", policy(""));
  const exchange = new LedgerExchange(ledger, { batch: 8_000 });
  const entries = [{ t: "entries", entries: [entry] }];
  assert.deepEqual(exchange.headSeen("bob", old, 0), entries);
  assert.deepEqual(exchange.headSeen("bob", old, 1999), []);
  assert.deepEqual(exchange.headSeen("carol", old, 1999), entries);
  assert.deepEqual(exchange.headSeen("bob", old, 2000), entries);
  assert.deepEqual(exchange.headSeen("bob", ledger.head, 9000), []);
});

Deno.test("LedgerExchange shows both sides of a fork to both, down to where it began", async () => {
  const length = fc.integer({ min: 1, max: 6 });
  await fc.assert(
    fc.asyncProperty(length, length, async (n, m) => {
      const a = await network();
      const b = await copyOf(a);
      for (let i = 0; i < n; i++) await add(a, "policy", policy(`# a ${i}`));
      for (let i = 0; i < m; i++) {
        if (i === 0) await add(b, "revoke", { what: "node", key: admin.public });
        else await add(b, "policy", policy(`# b ${i}`));
      }
      const [headA, headB] = [a.head, b.head];
      await talk(a, b);
      assert.deepEqual([a.head, b.head], [headA, headB]);
      assert.equal(a.fork?.seq, 3);
      assert.equal(b.fork?.seq, 3);
      assert.deepEqual([a.missing, b.missing], [[], []]);
      assert.ok(a.isRevoked("node", admin.public));
    }),
    { numRuns: 20 },
  );
});

Deno.test("LedgerExchange ends a fork for both when one has the entry that resolves it", async () => {
  const a = await network();
  const b = await copyOf(a);
  await add(a, "policy", policy("# a"));
  await add(b, "policy", policy("# b"));
  await talk(a, b);
  for (let i = 0; i < 40; i++) await add(a, "policy", policy(`# ${"x".repeat(900)} ${i}`));
  await add(a, "resolve", { seq: 3, keep: a.hashAt(3)!, drop: [b.hashAt(3)!] });
  await talk(a, b);
  assert.deepEqual(b.entries, a.entries);
  assert.deepEqual([a.fork, b.fork], [null, null]);
});

Deno.test("LedgerExchange does not talk for ever about a head that nobody takes", async () => {
  const stranger = new LedgerExchange(await network(), { batch: 8_000 });
  const head = { seq: 99, hash: "A".repeat(43) };
  assert.deepEqual(stranger.headSeen("eve", head, 0), []);
  assert.equal(stranger.behind("eve", head, 0).length, 1);
  assert.equal(stranger.behind("eve", head, 1).length, 0);
});

Deno.test("LedgerExchange forgets who has been away for two minutes, and nobody else", async () => {
  const exchange = new LedgerExchange(await network(), { batch: 8_000 });
  const head = { seq: 99, hash: "A".repeat(43) };
  for (let n = 0; n < 100; n++) exchange.behind(`node ${n}`, head, n);
  assert.equal(exchange.others, 100);
  exchange.behind("node 0", head, 60_000);
  exchange.behind("somebody", head, 120_098); // node 99 was heard 119,999 ms ago
  assert.equal(exchange.others, 3);
  assert.equal(exchange.behind("node 0", head, 120_099).length, 1);
});

Deno.test("LedgerExchange puts pieces together only as it asked for them", async () => {
  const ledger = await network();
  const exchange = new LedgerExchange(ledger, { batch: 8_000 });
  const jws = await signEntry({ ledger, admin, kind: "policy", body: policy("# new"), iat: NOW });
  const hash = "A".repeat(43);
  const piece = (part: number, of = 2, text = jws) => exchange.received("bob", { t: "piece", hash, part, of, text });
  assert.deepEqual(piece(1), { entries: [], send: [] });
  assert.deepEqual(piece(0), { entries: [], send: [{ t: "want", hash, part: 1 }] });
  assert.deepEqual(piece(1, 3), { entries: [], send: [] });
  assert.deepEqual(piece(0, 141), { entries: [], send: [] });
  assert.deepEqual(piece(1, 2, "x"), { entries: [`${jws}x`], send: [] });
  assert.deepEqual(piece(1), { entries: [], send: [] });
});
