import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { AdmitRule, OidcAdmit } from "../../wire/admit.ts";
import { toBase64Url, utf8 } from "../../wire/encoding.ts";
import { ghost } from "../testdata/assert.ts";
import { network, NOW, signer } from "../testdata/network.ts";
import type { Admission, AdmissionContext, IssuerKey } from "./admission.ts";
import { verifyAdmission } from "./mod.ts";
import { issuerOf, oidcNonce } from "./oidc.ts";

const ISSUER = "https://login.example.com";
const ledger = await network();
const { public: key } = await signer("alice");
const nonce = await oidcNonce(ledger.network.id, key);

async function issuerKey(alg: string, kid = alg) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const jwk: IssuerKey["jwk"] = { ...await exportJWK(pair.publicKey) as JsonWebKey, kid, use: "sig" };
  return { alg, kid, jwk, secret: pair.privateKey };
}
type Signing = Awaited<ReturnType<typeof issuerKey>>;

const rsa = await issuerKey("RS256");
const KEYS: readonly IssuerKey[] = [{ jwk: rsa.jwk, seen: null }];
const RULE: OidcAdmit = {
  method: "oidc",
  issuer: ISSUER,
  clientIds: ["ghostmesh", "second"],
  clientSecret: null,
  domains: ["example.com"],
  claims: {},
  groupsClaim: "groups",
  tags: ["tag:laptop"],
  lifetime: 86_400,
  watchers: [],
};
const CLAIMS = {
  iss: ISSUER,
  sub: "248",
  aud: "ghostmesh",
  nonce,
  iat: NOW,
  exp: NOW + 600,
  email: "Ann@Example.com",
  email_verified: true,
  groups: ["sre", "", "two words", 7],
};

async function token(change: Record<string, unknown> = {}, by: Signing = rsa, header: object = {}): Promise<string> {
  const claims = Object.fromEntries(Object.entries({ ...CLAIMS, ...change }).filter(([, v]) => v !== undefined));
  return await new SignJWT(claims).setProtectedHeader({ alg: by.alg, kid: by.kid, ...header }).sign(by.secret);
}

async function verify(idToken: string, change: Partial<AdmissionContext> = {}): Promise<Admission> {
  const context = { key, ledger, now: NOW, admit: [RULE], issuerKeys: () => KEYS, ...change };
  return await verifyAdmission({ kind: "oidc", idToken }, context);
}

Deno.test("verifyOidcProof() tells who the user is", async () => {
  assert.deepEqual(await verify(await token()), {
    method: "oidc",
    tags: ["tag:laptop"],
    user: "ann@example.com",
    subject: `248@${ISSUER}`,
    groups: ["sre"],
    prefixes: [],
    ephemeral: false,
    gate: false,
    grant: null,
    since: NOW,
    expires: NOW + 86_400,
  });
  assert.deepEqual(issuerOf(await token()), { issuer: ISSUER, kid: "RS256" });
  assert.equal(issuerOf("x"), null);
});

Deno.test("verifyOidcProof() takes each algorithm of its list, by a key of that kind only", async () => {
  for (const alg of ["RS256", "PS256", "ES256", "EdDSA"]) {
    const own = await issuerKey(alg);
    const known = { issuerKeys: () => [{ jwk: own.jwk, seen: null }] };
    await verify(await token({}, own), known);
    const other = { ...own.jwk, alg: alg === "ES256" ? "EdDSA" : "ES256" };
    await assert.rejects(
      verify(await token({}, own), { issuerKeys: () => [{ jwk: other, seen: null }] }),
      ghost("unknown_key"),
    );
    const forSecrets = { ...own.jwk, use: "enc" };
    await assert.rejects(
      verify(await token({}, own), { issuerKeys: () => [{ jwk: forSecrets, seen: null }] }),
      ghost("unknown_key"),
    );
  }
  for (const alg of ["RS384", "ES384"]) {
    const own = await issuerKey(alg);
    const known = { issuerKeys: () => [{ jwk: own.jwk, seen: null }] };
    await assert.rejects(verify(await token({}, own), known), ghost("bad_signature", /which does not count/));
  }
});

Deno.test("verifyOidcProof() refuses alg none, and HS256 with the public key as its secret", async () => {
  const part = (value: object) => toBase64Url(utf8(JSON.stringify(value)));
  for (const alg of ["none", "None", "NONE"]) {
    for (const signature of ["", "AA"]) {
      const bare = `${part({ alg, kid: rsa.kid })}.${part(CLAIMS)}.${signature}`;
      await assert.rejects(verify(bare), ghost("bad_signature"));
    }
  }
  for (const secret of [JSON.stringify(rsa.jwk), rsa.jwk.n!]) {
    const forged = await new SignJWT(CLAIMS).setProtectedHeader({ alg: "HS256", kid: rsa.kid }).sign(utf8(secret));
    await assert.rejects(verify(forged), ghost("bad_signature", /"HS256", which does not count/));
    const oct = { kty: "oct", k: toBase64Url(utf8(secret)), kid: rsa.kid } as IssuerKey["jwk"];
    await assert.rejects(verify(forged, { issuerKeys: () => [{ jwk: oct, seen: null }] }), ghost("bad_signature"));
  }
  const thief = await issuerKey("RS256");
  await assert.rejects(verify(await token({}, thief)), ghost("bad_signature", /does not fit/));
  await assert.rejects(verify(await token({}, thief, { jwk: thief.jwk })), ghost("bad_signature"));
});

Deno.test("verifyOidcProof() refuses every other issuer, audience, client and nonce", async () => {
  const refused = async (change: Record<string, unknown>, line: RegExp, context: Partial<AdmissionContext> = {}) =>
    await assert.rejects(verify(await token(change), context), ghost("not_admitted", line));
  await refused({ iss: "https://evil.example.com" }, /admits nobody by https:\/\/evil/);
  await refused({ iss: `${ISSUER}/` }, /admits nobody by/);
  await refused({ aud: "other" }, /made for "other"/);
  await refused({ aud: ["ghostmesh", "other"], azp: "ghostmesh" }, /made for "other"/);
  await refused({ aud: ["ghostmesh", "second"] }, /another client/);
  await refused({ azp: "other" }, /another client/);
  await refused({ aud: undefined }, /aud/);
  await refused({ nonce: undefined }, /nonce/);
  await refused({ nonce: "x" }, /another machine or network/);
  await refused({ nonce: await oidcNonce("a".repeat(32), key) }, /another machine or network/);
  await refused({}, /another machine or network/, { key: (await signer("mallory")).public });
  await refused({}, /admits nobody/, { admit: [{ method: "static", revokesNodes: false }] });
  await verify(await token({ aud: ["ghostmesh", "second"], azp: "second" }));
});

Deno.test("verifyOidcProof() judges times: exp at the door, iat by the policy's lifetime everywhere", async () => {
  const at = async (now: number, change = {}, fresh = false) => await verify(await token(change), { now, fresh });
  await at(NOW + 86_399);
  await assert.rejects(at(NOW + 86_400), ghost("not_admitted", /log-in ended at .*; log in again: ghostlink login/));
  await at(NOW + 899, {}, true);
  await assert.rejects(at(NOW + 900, {}, true), ghost("not_admitted", /expired at/));
  await at(NOW - 300);
  await assert.rejects(at(NOW - 301), ghost("clock_skew", /301 s in the future/));
  await assert.rejects(at(NOW, { exp: NOW }), ghost("not_admitted", /expires before it was made/));
  for (
    const wrong of [{ iat: undefined }, { exp: undefined }, { iat: "1" }, { iat: -1 }, { exp: 1e300 }, { sub: "" }]
  ) {
    await assert.rejects(at(NOW, wrong), ghost("not_admitted"));
  }
});

Deno.test("verifyOidcProof() lets only a verified address select, and only plain letters", async () => {
  const anybody: AdmitRule[] = [{ ...RULE, domains: [] }];
  for (const email_verified of [false, "true", 1, undefined]) {
    await assert.rejects(verify(await token({ email_verified })), ghost("not_admitted", /verified/));
    assert.equal((await verify(await token({ email_verified }), { admit: anybody })).user, null);
  }
  for (
    const email of [
      "ann@exa\u212Aple.com",
      "\u212Aen@example.com",
      "idp:sre",
      "a b@example.com",
      "1@https://x",
      "@x",
      7,
    ]
  ) {
    assert.equal((await verify(await token({ email }), { admit: anybody })).user, null);
  }
  await assert.rejects(
    verify(await token({ email: "ann@evil.com" })),
    ghost("not_admitted", /nobody in from "evil.com"/),
  );
  await assert.rejects(verify(await token({ email: "ann@sub.example.com" })), ghost("not_admitted"));
  await assert.rejects(verify(await token({ email: "ann@example.com.evil.com" })), ghost("not_admitted"));
  await assert.rejects(verify(await token({ email: "ann@example.com@evil.com" })), ghost("not_admitted"));
});

Deno.test("verifyOidcProof() asks for the claims that the policy names, and takes the first rule that lets in", async () => {
  const strict = { ...RULE, claims: { team: ["a"] }, tags: ["tag:team"] };
  for (const team of ["a", ["b", "a"]]) {
    assert.deepEqual((await verify(await token({ team }), { admit: [strict] })).tags, ["tag:team"]);
  }
  for (const team of ["b", [], undefined, { a: 1 }, [["a"]]]) {
    await assert.rejects(verify(await token({ team }), { admit: [strict] }), ghost("not_admitted", /"team"/));
  }
  const proto = { ...RULE, claims: { constructor: ["a"] } };
  await assert.rejects(verify(await token(), { admit: [proto] }), ghost("not_admitted"));
  assert.deepEqual((await verify(await token(), { admit: [strict, RULE] })).tags, ["tag:laptop"]);
});

Deno.test("verifyOidcProof() takes rotated keys for log-ins of their time, and says which key it lacks", async () => {
  const gone = { issuerKeys: () => [{ jwk: rsa.jwk, seen: NOW - 301 }] };
  await assert.rejects(verify(await token(), gone), ghost("not_admitted", /"RS256" of .* was rotated away before/));
  await verify(await token({ iat: NOW - 100, exp: NOW + 1 }), { issuerKeys: () => [{ jwk: rsa.jwk, seen: NOW - 50 }] });
  const why = /The signing key "RS256" of https:\/\/login.example.com is not known here; let this machine reach/;
  await assert.rejects(verify(await token(), { issuerKeys: () => [] }), ghost("unknown_key", why));
  const next = await issuerKey("RS256", "next");
  await assert.rejects(verify(await token({}, next)), ghost("unknown_key", /"next"/));
});

Deno.test("verifyOidcProof() refuses what is no token, and critical extensions", async () => {
  for (const bad of ["a.b.c", `${"a".repeat(20_000)}.b.c`, `${(await token()).slice(0, -2)}`]) {
    await assert.rejects(verify(bad), (error) => /bad_signature|too_large/.test((error as { code: string }).code));
  }
  const [head, , signature] = (await token()).split(".");
  const other = toBase64Url(utf8(JSON.stringify({ ...CLAIMS, sub: "1" })));
  await assert.rejects(verify(`${head}.${other}.${signature}`), ghost("bad_signature", /does not fit/));
});
