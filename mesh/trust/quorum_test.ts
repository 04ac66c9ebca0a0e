/** Changes of admins: nothing takes effect before as many as the quorum asks for have consented to this very change. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { LedgerBody } from "../wire/ledger.ts";
import { APPROVAL_LIFE, type Proposal, signApproval } from "./approval.ts";
import type { SigningKey } from "./keys.ts";
import { Ledger, signEntry } from "./ledger.ts";
import { ghost } from "./testdata/assert.ts";
import { add, admin, genesis, grantKey, NOW, second, signer } from "./testdata/network.ts";

const third = await signer("third admin");
const stranger = await signer("stranger");
const all = [admin, second, third];

async function three(quorum: number): Promise<Ledger> {
  const admins = all.map(({ public: key }, i) => ({ key, name: `admin${i}` }));
  return await Ledger.open([await genesis({ admins, quorum })]);
}

const change: LedgerBody<"admin"> = { op: "add", key: grantKey.public, name: "new", quorum: 3 };

function proposalOf(ledger: Ledger, body: object = change, base = ledger.head.hash): Proposal {
  return { net: ledger.network.id, base, kind: "admin", body };
}

async function entry(
  ledger: Ledger,
  approvals: string[],
  o: { by?: SigningKey; body?: LedgerBody<"admin">; iat?: number } = {},
): Promise<string> {
  const { by = admin, body = change, iat = NOW } = o;
  return await signEntry({ ledger, admin: by, kind: "admin", body, iat, approvals });
}

Deno.test("a change of admins counts each admin's consent once, and only where it is real", async () => {
  const ledger = await three(3);
  const proposal = proposalOf(ledger);
  const consent = (key: SigningKey, p = proposal, iat = NOW) => signApproval(p, { key, iat });
  const [bySecond, byThird, byFirst] = await Promise.all([second, third, admin].map((key) => consent(key)));
  const refusals: [string[], Parameters<typeof ghost>][] = [
    [[], ["bad_ledger", /Needs the consent of 3 admins, has 1/]],
    [[bySecond!], ["bad_ledger", /has 2/]],
    [[bySecond!, bySecond!], ["bad_ledger", /consents twice/]],
    [[bySecond!, byFirst!], ["bad_ledger", /consents twice/]],
    [[bySecond!, await consent(stranger)], ["bad_ledger", /approvals\[1\]: Consent of a key that is not an admin/]],
    [[bySecond!, await consent(third, proposalOf(ledger, { ...change, name: "x" }))], ["bad_ledger", /something else/]],
    [[bySecond!, await consent(third, proposalOf(ledger, change, grantKey.public))], ["bad_ledger", /something else/]],
    [[bySecond!, await consent(third, proposal, NOW - APPROVAL_LIFE - 1)], ["bad_ledger", /has expired/]],
    [[bySecond!, await consent(third, proposal, NOW + 301)], ["bad_ledger", /Dated after/]],
    [[bySecond!, "a.b.c"], ["bad_signature", /approvals\[1\]/]],
  ];
  for (const [approvals, expected] of refusals) {
    await assert.rejects(ledger.append(await entry(ledger, approvals)), ghost(...expected));
    assert.equal(ledger.head.seq, 0);
  }
  await ledger.append(await entry(ledger, [bySecond!, byThird!]));
  assert.ok(ledger.isAdmin(grantKey.public));
});

Deno.test("consents hold while other entries come in between, and count once", async () => {
  const ledger = await three(2);
  const remove: LedgerBody<"admin"> = { op: "remove", key: third.public, name: "", quorum: 2 };
  const consent = await signApproval(proposalOf(ledger, remove), { key: second, iat: NOW });
  // The one to be removed cannot hinder it by being faster.
  const delay = await signEntry({
    ledger,
    admin: third,
    kind: "policy",
    body: { format: "toml", source: "# mine" },
    iat: NOW,
  });
  await ledger.append(delay);
  await ledger.append(await entry(ledger, [consent], { body: remove }));
  assert.ok(!ledger.isAdmin(third.public));
  const again: LedgerBody<"admin"> = { op: "add", key: third.public, name: "", quorum: 2 };
  const back = await signApproval(proposalOf(ledger, again), { key: second, iat: NOW });
  await ledger.append(await entry(ledger, [back], { body: again }));
  await assert.rejects(
    ledger.append(await entry(ledger, [consent], { body: remove })),
    ghost("bad_ledger", /carried out before/),
  );
  // Nor does a consent count on a chain that lacks its base.
  const other = await three(2);
  await other.append(await entry(other, [await signApproval(proposalOf(other), { key: second, iat: NOW })]));
  await assert.rejects(other.append(await entry(other, [back], { body: again })), ghost("bad_ledger", /another chain/));
});

Deno.test("admin: the quorum follows the changes and can always be met", async () => {
  const ledger = await Ledger.open([await genesis()]);
  await add(ledger, "admin", { op: "add", key: second.public, name: "ben", quorum: 1 });
  assert.deepEqual([ledger.network.quorum, ledger.adminSince(second.public)], [1, 1]);
  const bodies: [LedgerBody<"admin">, RegExp][] = [
    [{ op: "add", key: third.public, name: "cam", quorum: 4 }, /quorum exceeds/],
    [{ op: "remove", key: second.public, name: "", quorum: 2 }, /quorum exceeds/],
    [{ op: "remove", key: third.public, name: "", quorum: 1 }, /Not an admin/],
  ];
  for (const [body, line] of bodies) await assert.rejects(add(ledger, "admin", body), ghost("bad_ledger", line));
  await assert.rejects(
    add(ledger, "admin", { op: "add", key: "A".repeat(43), name: "small", quorum: 1 }),
    ghost("bad_signature", /Unsafe/),
  );
  await add(ledger, "admin", { op: "add", key: second.public, name: "ben", quorum: 2 });
  assert.equal(ledger.network.quorum, 2);
  await assert.rejects(
    add(ledger, "admin", { op: "remove", key: second.public, name: "", quorum: 1 }),
    ghost("bad_ledger", /Needs the consent of 2/),
  );
  const alone = await Ledger.open([await genesis()]);
  await assert.rejects(
    add(alone, "admin", { op: "remove", key: admin.public, name: "", quorum: 1 }),
    ghost("bad_ledger", /last admin stays/),
  );
});

Deno.test("admin: who was removed signs nothing more", async () => {
  const ledger = await Ledger.open([await genesis()]);
  await add(ledger, "admin", { op: "add", key: second.public, name: "ben", quorum: 1 });
  await add(ledger, "admin", { op: "remove", key: second.public, name: "", quorum: 1 });
  const late = await signEntry({
    ledger,
    admin: second,
    kind: "policy",
    body: { format: "toml", source: "" },
    iat: NOW,
  });
  await assert.rejects(ledger.append(late), ghost("bad_ledger", /not an admin/));
});

Deno.test("no set of consents smaller than the quorum changes an admin", async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray([0, 1, 2, 3]), fc.integer({ min: 1, max: 3 }), async (who, quorum) => {
      const ledger = await three(quorum);
      const keys = [...all, stranger];
      const approvals = await Promise.all(
        who.map((i) => signApproval(proposalOf(ledger), { key: keys[i]!, iat: NOW })),
      );
      const taken = await ledger.append(await entry(ledger, approvals)).then(() => true, () => false);
      const enough = !who.includes(3) && !who.includes(0) && who.length + 1 >= quorum;
      assert.equal(taken, enough);
      assert.equal(ledger.isAdmin(grantKey.public), enough);
    }),
    { numRuns: 40 },
  );
});
