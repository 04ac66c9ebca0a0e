import assert from "node:assert/strict";
import { DEFAULT_ADMIT } from "../../wire/admit.ts";
import { ADMISSION_TYP } from "../../wire/record.ts";
import { signJws } from "../jws.ts";
import { nodeIdOf } from "../keys.ts";
import { Ledger } from "../ledger.ts";
import { everyMutationIsRefused, ghost } from "../testdata/assert.ts";
import { add, admin, genesis, grantKey, grantOf, network, NOW, signer } from "../testdata/network.ts";
import { makeTokenProof, verifyAdmission } from "./mod.ts";

const ledger = await network();
const net = ledger.network.id;
const { public: key } = await signer("alice");
const CONTEXT = { now: NOW, admit: DEFAULT_ADMIT };
const proof = await makeTokenProof({ grantKey, net, sub: key, iat: NOW });

Deno.test("verifyAdmission() tells what the grant gives", async () => {
  assert.deepEqual(await verifyAdmission(proof, { key, ledger, ...CONTEXT }), {
    method: "token",
    tags: ["tag:web", "tag:db"],
    user: null,
    subject: null,
    groups: [],
    prefixes: [],
    ephemeral: false,
    gate: false,
    grant: grantKey.public,
    since: NOW,
    expires: null,
  });
  const own = await network();
  await add(own, "grant", grantOf(grantKey, { user: "ann@example.com", ephemeral: true, prefixes: ["10.0.0.0/8"] }));
  const admission = await verifyAdmission(proof, { key, ledger: own, ...CONTEXT });
  assert.deepEqual([admission.user, admission.ephemeral, admission.prefixes], ["ann@example.com", true, [
    "10.0.0.0/8",
  ]]);
  admission.tags.push("tag:root");
  assert.deepEqual(own.grant(grantKey.public)?.tags, ["tag:web", "tag:db"]);
});

Deno.test("verifyAdmission() refuses another identity, another network and an unknown grant", async () => {
  const other = await Ledger.open([await genesis({ name: "other" })]);
  const mallory = await signer("mallory");
  await assert.rejects(
    verifyAdmission(proof, { key: mallory.public, ledger, ...CONTEXT }),
    ghost("not_admitted", /^record\.proof: The token admitted another identity/),
  );
  await assert.rejects(
    verifyAdmission(proof, { key, ledger: other, ...CONTEXT }),
    ghost("token_foreign", /for network 75bst/),
  );
  const own = await makeTokenProof({ grantKey: mallory, net, sub: key, iat: NOW });
  await assert.rejects(
    verifyAdmission(own, { key, ledger, ...CONTEXT }),
    ghost("not_admitted", /grant is not in the ledger/),
  );
  const byAdmin = await makeTokenProof({ grantKey: admin, net, sub: key, iat: NOW });
  await assert.rejects(verifyAdmission(byAdmin, { key, ledger, ...CONTEXT }), ghost("not_admitted"));
});

Deno.test("verifyAdmission() refuses a proof made after the token expired, and says when that was", async () => {
  await verifyAdmission(await makeTokenProof({ grantKey, net, sub: key, iat: NOW + 3600 }), {
    key,
    ledger,
    ...CONTEXT,
  });
  const late = await makeTokenProof({ grantKey, net, sub: key, iat: NOW + 3601 });
  await assert.rejects(
    verifyAdmission(late, { key, ledger, ...CONTEXT }),
    ghost("token_expired", /expired at 2023-11-14T23:13:20\.000Z; ask an admin for a new one/),
  );
  const endless = await network();
  await add(endless, "grant", grantOf(grantKey, { expires: null }));
  await verifyAdmission(late, { key, ledger: endless, ...CONTEXT });
});

Deno.test("verifyAdmission() refuses a revoked grant, whoever came in by it", async () => {
  const own = await network();
  await verifyAdmission(proof, { key, ledger: own, ...CONTEXT });
  await add(own, "revoke", { what: "grant", key: grantKey.public });
  await assert.rejects(
    verifyAdmission(proof, { key, ledger: own, ...CONTEXT }),
    ghost("revoked", /The token was revoked/),
  );
});

Deno.test("verifyAdmission() refuses claims out of form", async () => {
  const claims = { v: 1, net, sub: key, iat: NOW };
  for (const wrong of [{ ...claims, v: 2 }, { ...claims, extra: 1 }, { ...claims, iat: -1 }, { v: 1, net, iat: NOW }]) {
    const jws = await signJws(wrong, { typ: ADMISSION_TYP, key: grantKey });
    await assert.rejects(
      verifyAdmission({ kind: "token", jws }, { key, ledger, ...CONTEXT }),
      ghost("not_admitted", /^record\.proof/),
    );
  }
  const otherTyp = await signJws(claims, { typ: "ghostmesh-node+jwt", key: grantKey });
  await assert.rejects(
    verifyAdmission({ kind: "token", jws: otherTyp }, { key, ledger, ...CONTEXT }),
    ghost("bad_signature"),
  );
});

Deno.test("verifyAdmission() refuses every mutation of one character", async () => {
  await everyMutationIsRefused(
    proof.jws,
    (jws) => verifyAdmission({ kind: "token", jws }, { key, ledger, ...CONTEXT }),
  );
});

Deno.test("a revoked grant: whom an admin vouched for stays, unless the policy says that all fall", async () => {
  const own = await network();
  const id = await nodeIdOf(key);
  const verify = (revokesNodes: boolean) =>
    verifyAdmission(proof, { key, ledger: own, now: NOW, admit: [{ method: "static", revokesNodes }] });
  await add(own, "revoke", { what: "grant", key: grantKey.public });
  await assert.rejects(verify(false), ghost("revoked"));
  await add(own, "node", { node: id });
  assert.deepEqual((await verify(false)).tags, ["tag:web", "tag:db"]);
  await assert.rejects(verify(true), ghost("revoked"));
  const late = (await signer("late")).public;
  const lateProof = await makeTokenProof({ grantKey, net, sub: late, iat: NOW });
  const admit = [{ method: "static" as const, revokesNodes: false }];
  await assert.rejects(verifyAdmission(lateProof, { key: late, ledger: own, now: NOW, admit }), ghost("revoked"));
});
