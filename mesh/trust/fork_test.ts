/** Forks: what admins sign beside the chain is kept, narrows, admits nobody, and ends by a `resolve`. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { LedgerBody, LedgerKind } from "../wire/ledger.ts";
import { signApproval } from "./approval.ts";
import { nodeIdOf, type SigningKey } from "./keys.ts";
import { Ledger, signEntry } from "./ledger.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { admin, genesis, grantKey, grantOf, network, NOW, second, signer } from "./testdata/network.ts";

const stranger = await signer("stranger");
const node = await signer("node");
const policy = (source: string) => ({ format: "toml" as const, source });

async function sign<K extends LedgerKind>(
  ledger: Ledger,
  kind: K,
  body: LedgerBody<K>,
  by: SigningKey = admin,
): Promise<string> {
  return await signEntry({ ledger, admin: by, kind, body, iat: NOW });
}

async function put<K extends LedgerKind>(ledger: Ledger, kind: K, body: LedgerBody<K>, by = admin): Promise<string> {
  const jws = await sign(ledger, kind, body, by);
  await ledger.append(jws);
  return jws;
}

const copyOf = (ledger: Ledger) => Ledger.open(ledger.entries, { net: ledger.network.id });

/** Two ledgers that differ from entry 3 on; the second one's entries are given too. */
async function forked(): Promise<{ mine: Ledger; other: Ledger; theirs: string[] }> {
  const mine = await network();
  const other = await copyOf(mine);
  await put(mine, "policy", policy("# mine"));
  await put(mine, "grant", grantOf(stranger));
  const theirs = [
    await put(other, "policy", policy("# theirs")),
    await put(other, "revoke", { what: "node", key: node.public }),
    await put(other, "grant", grantOf(second)),
  ];
  return { mine, other, theirs };
}

Deno.test("take() keeps another branch as evidence: what is stays, and both branches revoke", async () => {
  const { mine, theirs } = await forked();
  await put(mine, "route", {
    op: "add",
    prefix: "10.1.1.0/24",
    node: await nodeIdOf(node.public),
    metric: 0,
    snat: true,
  });
  const { head } = mine;
  assert.equal(Boolean(mine.fork), false);
  for (const jws of theirs) assert.equal(await mine.take(jws), "forked");
  assert.equal(await mine.take(theirs[0]!), "known");
  assert.deepEqual(mine.head, head);
  assert.equal(mine.policy?.source, "# mine");
  assert.equal(mine.fork?.seq, 3);
  assert.equal(mine.fork?.entries.length, 3);
  assert.ok(mine.isRevoked("node", node.public));
  assert.deepEqual(mine.routes, []);
  assert.equal(mine.grant(second.public), undefined);
  assert.ok(mine.grant(stranger.public), "a grant that was known before stays");
});

Deno.test("take() needs no ancestors: two signatures for one place are proof, and a later entry tells what is missing", async () => {
  const { mine, other, theirs } = await forked();
  assert.equal(await mine.take(theirs[1]!), "forked");
  assert.ok(mine.isRevoked("node", node.public));
  assert.deepEqual(mine.missing, [other.hashAt(3)]);
  assert.equal(await mine.take(theirs[0]!), "forked");
  assert.deepEqual(mine.missing, []);
});

Deno.test("a fork lets no grant in that came after it was seen, and the chain goes on all the same", async () => {
  const { mine, theirs } = await forked();
  await mine.take(theirs[0]!);
  await put(mine, "grant", grantOf(second));
  await put(mine, "grant", grantOf(grantKey, { tags: ["tag:root"] }));
  await put(mine, "revoke", { what: "grant", key: stranger.public });
  assert.equal(mine.grant(second.public), undefined);
  assert.equal(mine.grants.has(second.public), false);
  assert.equal(mine.grant(grantKey.public), undefined, "an old key with new rights is new");
  assert.ok(mine.isRevoked("grant", stranger.public));
  const again = await Ledger.open(mine.entries, { evidence: mine.evidence });
  assert.equal(again.grant(second.public), undefined);
  assert.equal(again.fork?.seq, 3);
});

Deno.test("take() refuses as evidence what no admin signed, what another network's did, and what is merely ahead", async () => {
  const { mine, other, theirs } = await forked();
  const noise = await sign(await network(), "policy", policy("# noise"), stranger);
  await assert.rejects(mine.take(noise), ghost("bad_ledger", /not an admin/));
  const elsewhere = await Ledger.open([await genesis({ name: "other" })]);
  await assert.rejects(mine.take(await sign(elsewhere, "policy", policy(""))), ghost("wrong_network"));
  await put(other, "policy", policy("# further"));
  await assert.rejects(mine.take(await put(other, "policy", policy("# ahead"))), ghost("ledger_moved"));
  assert.equal(Boolean(mine.fork), false);
  await everyMutationIsRefused(theirs[0]!, (text) => mine.take(text));
});

Deno.test("a key that was removed, or came later, forks nothing", async () => {
  const mine = await network();
  const early = await copyOf(mine);
  await put(mine, "policy", policy("# 3"));
  await put(mine, "admin", { op: "add", key: second.public, name: "ben", quorum: 1 });
  // Ben was no admin when entry 3 was signed.
  const backdated = await sign(early, "policy", policy("# ben"), second);
  await assert.rejects(mine.take(backdated), ghost("ledger_fork"));
  const between = await copyOf(mine);
  await put(mine, "policy", policy("# 5"));
  await put(mine, "admin", { op: "remove", key: second.public, name: "", quorum: 1 });
  await assert.rejects(mine.take(await sign(between, "policy", policy("# ben"), second)), ghost("bad_ledger"));
  assert.equal(Boolean(mine.fork), false);
});

Deno.test("resolve: the chain that it is part of goes on, and the other branch counts no more", async () => {
  const { mine, other, theirs } = await forked();
  for (const jws of theirs) await mine.take(jws);
  const body = { seq: 3, keep: mine.hashAt(3)!, drop: [other.hashAt(3)!] };
  await assert.rejects(
    put(mine, "resolve", { ...body, keep: other.hashAt(3)! }),
    ghost("bad_ledger", /Not this chain/),
  );
  await assert.rejects(put(mine, "resolve", { ...body, drop: [body.keep] }), ghost("bad_ledger", /at once/));
  await put(mine, "resolve", body);
  assert.equal(Boolean(mine.fork), false);
  assert.ok(!mine.isRevoked("node", node.public));
  await put(mine, "grant", grantOf(second));
  assert.ok(mine.grant(second.public));
  // What else was signed on that branch is no new fork.
  const late = await put(other, "policy", policy("# late"));
  assert.equal(await mine.take(late), "known");
  assert.equal(Boolean(mine.fork), false);
});

Deno.test("resolve: who holds the branch that is dropped goes over, whatever the order in which entries come", async () => {
  const { mine, other, theirs } = await forked();
  const kept = [
    ...mine.entries.slice(3),
    await put(mine, "resolve", { seq: 3, keep: mine.hashAt(3)!, drop: [other.hashAt(3)!] }),
  ];
  kept.push(await put(mine, "policy", policy("# after")));
  const goesOver = async (order: number[]) => {
    const ledger = await copyOf(other);
    for (const i of order) await ledger.take(kept[i]!).catch(ghost("ledger_moved"));
    for (const jws of kept) await ledger.take(jws);
    assert.deepEqual(ledger.entries, mine.entries);
    assert.equal(Boolean(ledger.fork), false);
    assert.equal(ledger.policy?.source, "# after");
    for (const jws of theirs) assert.equal(await ledger.take(jws), "known");
    assert.equal((await Ledger.open(ledger.entries, { evidence: ledger.evidence })).fork, null);
  };
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), goesOver),
    { numRuns: 24 },
  );
});

Deno.test("resolve: an admin who is being removed cannot take others with him onto his branch", async () => {
  const third = await signer("third admin");
  const admins = [admin, second, third].map(({ public: key }) => ({ key, name: "a" }));
  const start = await Ledger.open([await genesis({ admins, quorum: 2 })]);
  const mine = await copyOf(start);
  const body = { op: "remove" as const, key: third.public, name: "", quorum: 2 };
  const net = mine.network.id;
  const consent = await signApproval({ net, base: mine.head.hash, kind: "admin", body }, { key: second, iat: NOW });
  await mine.append(await signEntry({ ledger: mine, admin, kind: "admin", body, iat: NOW, approvals: [consent] }));
  const his = await copyOf(start);
  const first = await put(his, "policy", policy("# his"), third);
  const resolve = { seq: 1, keep: his.hashAt(1)!, drop: [mine.hashAt(1)!] };
  await assert.rejects(put(his, "resolve", resolve, third), ghost("bad_ledger", /Needs the consent of 2/));
  await assert.rejects(mine.take(first), ghost("bad_ledger", /not an admin/));
  assert.equal(mine.policy, null);
  assert.ok(!mine.isAdmin(third.public));
});

Deno.test("any order of two branches gives the same revocations, and the chain known first", async () => {
  const key = fc.constantFrom(node.public, second.public, stranger.public);
  const entry = fc.oneof(
    fc.record({ what: fc.constantFrom("node", "gate", "grant"), key }).map((body) => ({
      kind: "revoke" as const,
      body,
    })),
    fc.string({ maxLength: 5 }).map((source) => ({ kind: "policy" as const, body: policy(source) })),
  );
  const branch = fc.array(entry, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(branch, branch, fc.infiniteStream(fc.nat(100)), async (a, b, random) => {
      const mine = await network();
      const other = await copyOf(mine);
      await put(mine, "policy", policy("# mine"));
      await put(other, "policy", policy("# other"));
      for (const { kind, body } of a) await put(mine, kind, body as never);
      for (const { kind, body } of b) await put(other, kind, body as never);
      const { entries } = mine;
      const before = [...entries];
      let rest = other.entries.slice(3);
      while (rest.length > 0) {
        const jws = rest[random.next().value! % rest.length]!;
        rest = rest.filter((e) => e !== jws);
        await mine.take(jws).catch((error) => {
          // Ahead of what is known: it is offered again when its ancestor is there.
          ghost("ledger_moved")(error);
          rest.push(jws);
        });
      }
      assert.deepEqual(mine.entries, before);
      for (const what of ["node", "gate", "grant"] as const) {
        for (const k of [node, second, stranger]) {
          const one = [...a, ...b].some(({ body }) => "what" in body && body.what === what && body.key === k.public);
          assert.equal(mine.isRevoked(what, k.public), one);
        }
      }
    }),
    { numRuns: 40 },
  );
});
