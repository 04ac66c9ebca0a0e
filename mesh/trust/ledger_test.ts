import assert from "node:assert/strict";
import fc from "fast-check";
import { LEDGER_TYP } from "../wire/ledger.ts";
import { signJws, verifyJws } from "./jws.ts";
import { hashOf, type SigningKey } from "./keys.ts";
import { Ledger, signEntry } from "./ledger.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { add, admin, genesis, grantKey, grantOf, network, NOW, second, signer } from "./testdata/network.ts";

const policy = { format: "toml" as const, source: "[[allow]]" };

/** Everything that a ledger says, to see that nothing changed. */
function snapshot(ledger: Ledger): string {
  const { entries, head, network, policy, routes } = ledger;
  return JSON.stringify({
    entries,
    head,
    network,
    policy,
    routes,
    grants: [...ledger.grants],
    admins: [...ledger.admins],
  });
}

/** An entry for the next place with some members changed, signed all the same. */
async function entryWith(ledger: Ledger, change: Record<string, unknown>, by: SigningKey = admin): Promise<string> {
  const jws = await signEntry({ ledger, admin, kind: "policy", body: policy, iat: NOW });
  const { payload } = await verifyJws(jws, { typ: LEDGER_TYP });
  return await signJws({ ...payload as object, ...change }, { typ: LEDGER_TYP, key: by });
}

async function refusesUnchanged(ledger: Ledger, jws: string, expected: (error: unknown) => true): Promise<void> {
  const before = snapshot(ledger);
  await assert.rejects(ledger.append(jws), expected);
  assert.equal(snapshot(ledger), before);
}

Deno.test("Ledger.open() reads a chain from genesis on", async () => {
  const ledger = await network();
  const again = await Ledger.open([...ledger.entries], { net: ledger.network.id });
  assert.equal(snapshot(again), snapshot(ledger));
  assert.equal(again.head.seq, 2);
  assert.equal(again.head.hash, await hashOf(ledger.entries[2]!));
  assert.equal(again.at(1), ledger.entries[1]);
  assert.equal(again.hashAt(1), await hashOf(ledger.entries[1]!));
  assert.equal(again.at(3), undefined);
  assert.equal(again.hashAt(3), undefined);
  assert.deepEqual([...again.admins], [[admin.public, { name: "ann" }]]);
  assert.deepEqual(
    { ...again.network, id: "" },
    { id: "", name: "home", suffix: "home.ghost", ipv4: "100.64.0.0/10", quorum: 1 },
  );
});

Deno.test("Ledger.open() refuses another network, nothing, and a chain without genesis", async () => {
  const ledger = await network();
  await assert.rejects(Ledger.open(ledger.entries, { net: "a".repeat(32) }), ghost("wrong_network", /^ledger\[0\]: /));
  await assert.rejects(Ledger.open([]), ghost("bad_ledger"));
  await assert.rejects(Ledger.open(ledger.entries.slice(1)), ghost("bad_ledger", /begins with genesis/));
});

Deno.test("Ledger.open() refuses entries left out, doubled, exchanged or from another chain, and names the place", async () => {
  const { entries: [e0, e1, e2] } = await network();
  const other = await Ledger.open([await genesis({ name: "other" })]);
  const foreign = await add(other, "policy", policy);
  const chains: [string[], "bad_ledger" | "wrong_network", RegExp][] = [
    [[e0!, e2!], "bad_ledger", /^ledger\[1\]\.seq: Expected entry 1, found 2/],
    [[e0!, e2!, e1!], "bad_ledger", /^ledger\[1\]/],
    [[e0!, e1!, e1!], "bad_ledger", /^ledger\[2\]\.seq/],
    [[e0!, e0!], "wrong_network", /^ledger\[1\]/],
    [[e0!, foreign], "wrong_network", /^ledger\[1\]\.net/],
  ];
  for (const [chain, code, line] of chains) await assert.rejects(Ledger.open(chain), ghost(code, line));
});

Deno.test("Ledger.open() tells the first fault of a chain", async () => {
  const { entries } = await network();
  await assert.rejects(Ledger.open([...entries, "x", "y.z.0"]), ghost("bad_signature", /^ledger\[3\]: /));
});

Deno.test("Ledger.open() checks a thousand entries, across its chunks", async () => {
  const ledger = await network();
  for (let i = 0; i < 1000; i++) {
    await add(ledger, "policy", { format: "toml", source: `# ${i}` });
  }
  const again = await Ledger.open(ledger.entries, { net: ledger.network.id });
  assert.deepEqual(again.head, ledger.head);
  assert.equal(again.policy?.source, "# 999");
  const exchanged = [...ledger.entries];
  [exchanged[600], exchanged[601]] = [exchanged[601]!, exchanged[600]!];
  await assert.rejects(Ledger.open(exchanged), ghost("bad_ledger", /^ledger\[600\]/));
});

Deno.test("Ledger.open() refuses a genesis that contradicts itself", async () => {
  const both = [{ key: admin.public, name: "ann" }, { key: second.public, name: "ben" }];
  const small = { key: "A".repeat(43), name: "nobody" };
  await assert.rejects(Ledger.open([await genesis({}, second)]), ghost("bad_ledger", /not an admin/));
  await assert.rejects(Ledger.open([await genesis({ quorum: 2 })]), ghost("bad_ledger", /quorum/));
  await assert.rejects(Ledger.open([await genesis({ admins: [both[0]!, both[0]!] })]), ghost("bad_ledger", /twice/));
  await assert.rejects(
    Ledger.open([await genesis({ admins: [both[0]!, small] })]),
    ghost("bad_signature", /admins\[1\]/),
  );
  for (const ipv4 of ["100.64.0.0/30", "10.0.0.1/8", "0.0.0.0/0", "fd00::/8", "127.0.0.0/8"]) {
    await assert.rejects(
      Ledger.open([await genesis({ ipv4 })]),
      ghost("bad_ledger", /^ledger\[0\]\.body\.ipv4: /),
      ipv4,
    );
  }
  await Ledger.open([await genesis({ admins: both, quorum: 2 }, second)]);
});

Deno.test("append() takes an entry once; a second time changes nothing", async () => {
  const ledger = await network();
  const jws = await add(ledger, "policy", policy);
  const before = snapshot(ledger);
  assert.equal((await ledger.append(jws)).kind, "policy");
  assert.equal((await ledger.append(ledger.entries[1]!)).seq, 1);
  assert.equal((await ledger.append(ledger.entries[0]!)).seq, 0);
  assert.equal(snapshot(ledger), before);
});

Deno.test("append() refuses what does not continue the chain", async () => {
  const ledger = await network();
  const refusals: [Record<string, unknown>, Parameters<typeof ghost>][] = [
    [{ seq: 5 }, ["ledger_moved", /Expected entry 3, found 5/]],
    [{ prev: ledger.hashAt(1) }, ["ledger_moved", /Does not follow entry 2/]],
    [{ net: "a".repeat(32) }, ["wrong_network"]],
    [{ net: "" }, ["wrong_network"]],
    [{ iat: NOW - 301 }, ["bad_ledger", /Dated 301 s before its predecessor/]],
    [{ v: 2 }, ["bad_ledger"]],
    [{ extra: 1 }, ["bad_ledger"]],
    [{ kind: "unheard-of" }, ["bad_ledger"]],
    [{ body: { ...policy, extra: 1 } }, ["bad_ledger", /entry\.body/]],
    [{ seq: 3.5 }, ["bad_ledger"]],
    [{ iat: "now" }, ["bad_ledger"]],
  ];
  for (const [change, expected] of refusals) {
    await refusesUnchanged(ledger, await entryWith(ledger, change), ghost(...expected));
  }
  await refusesUnchanged(ledger, await genesis({ name: "other" }), ghost("wrong_network"));
  await ledger.append(await entryWith(ledger, { iat: NOW - 300 }));
});

Deno.test("append() refuses entries by anybody but an admin", async () => {
  const ledger = await network();
  const stranger = await signer("stranger");
  await refusesUnchanged(ledger, await entryWith(ledger, {}, stranger), ghost("bad_ledger", /not an admin/));
  await refusesUnchanged(ledger, await entryWith(ledger, {}, grantKey), ghost("bad_ledger", /not an admin/));
  const asRecord = await signJws({ v: 1 }, { typ: "ghostmesh-node+jwt", key: admin });
  await refusesUnchanged(ledger, asRecord, ghost("bad_signature", /Expected typ/));
});

Deno.test("append() tells a fork: another entry by an admin for a place that is taken", async () => {
  const ledger = await network();
  const before = await Ledger.open(ledger.entries);
  await add(ledger, "policy", policy);
  const other = await signEntry({ ledger: before, admin, kind: "policy", body: { ...policy, source: "" }, iat: NOW });
  await refusesUnchanged(ledger, other, ghost("ledger_fork", /signed a second entry 3/));
  await before.append(other);
  await add(before, "policy", policy);
  await refusesUnchanged(ledger, await entryWith(before, { seq: 2 }), ghost("ledger_fork"));
  // By a stranger it is no fork but noise.
  const noise = await entryWith(before, { seq: 2 }, await signer("stranger"));
  await refusesUnchanged(ledger, noise, ghost("bad_ledger"));
});

Deno.test("append() lets one of two entries for one place in when both come at once", async () => {
  const ledger = await network();
  const both = await Promise.all(["a", "b"].map((source) => entryWith(ledger, { body: { format: "toml", source } })));
  const results = await Promise.allSettled(both.map((jws) => ledger.append(jws)));
  assert.deepEqual(results.map((r) => r.status).sort(), ["fulfilled", "rejected"]);
  assert.equal(ledger.entries.length, 4);
  const same = await entryWith(ledger, {});
  await Promise.all([ledger.append(same), ledger.append(same)]);
  assert.equal(ledger.entries.length, 5);
});

Deno.test("append() refuses every mutation of one character", async () => {
  const ledger = await network();
  const jws = await add(ledger, "policy", policy);
  const before = snapshot(ledger);
  await everyMutationIsRefused(jws, (text) => ledger.append(text));
  assert.equal(snapshot(ledger), before);
});

Deno.test("signEntry() refuses a malformed body", async () => {
  const ledger = await network();
  const body = grantOf(grantKey, { tags: ["web"] });
  await assert.rejects(
    signEntry({ ledger, admin, kind: "grant", body, iat: NOW }),
    ghost("bad_ledger", /^entry\.body\.tags\[0\]: Expected a tag/),
  );
});

Deno.test("append() and Ledger.open() agree on any sequence of entries", async () => {
  const node = fc.constantFrom("a".repeat(26), `${"b".repeat(25)}a`);
  const prefix = fc.constantFrom("10.1.0.0/16", "10.2.0.0/16", "100.64.1.0/24", "10.1.0.1/16");
  const name = fc.constantFrom("nas", "web");
  const key = fc.constantFrom(grantKey.public, second.public);
  const entry = fc.oneof(
    fc.record({ op: fc.constantFrom("add", "remove"), prefix, node }).map((r) => ({
      kind: "route" as const,
      body: { ...r, metric: 0, snat: true },
    })),
    fc.record({ node, name }).map((body) => ({ kind: "node" as const, body })),
    fc.record({ key, what: fc.constantFrom("grant", "node", "gate") }).map((body) => ({
      kind: "revoke" as const,
      body,
    })),
    fc.record({ key, op: fc.constantFrom("add", "remove"), quorum: fc.constantFrom(1, 2) }).map((body) => ({
      kind: "admin" as const,
      body: { ...body, name: "ben" },
    })),
    fc.record({ key, name }).map((body) => ({
      kind: "gate" as const,
      body: { ...body, region: "eu", addresses: ["192.0.2.1"] },
    })),
    key.map((k) => ({ kind: "grant" as const, body: { ...grantOf(grantKey), key: k } })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 12 }), async (list) => {
      const ledger = await network();
      for (const { kind, body } of list) {
        const jws = await entryWith(ledger, { kind, body });
        const before = snapshot(ledger);
        await ledger.append(jws).catch(() => assert.equal(snapshot(ledger), before));
      }
      assert.equal(snapshot(await Ledger.open(ledger.entries)), snapshot(ledger));
    }),
    { numRuns: 40 },
  );
});
