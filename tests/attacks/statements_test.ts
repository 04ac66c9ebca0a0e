/**
 * Forged, twisted and replayed statements at a coordinator's door, against the real program: rows 5, 6, 9 and 19. Peers and gates
 * judge records by the same functions; the end-to-end attacks in tests/attacks/lab show them at it.
 */
import assert from "node:assert/strict";
import { newSigningKey, random } from "../../mesh/server/testing.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { hashOf, type SigningKey } from "../../mesh/trust/keys.ts";
import { signJws } from "../../mesh/trust/jws.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { makeRequestProof } from "../../mesh/trust/proof.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { plainGrant } from "../../mesh/trust/testdata/plain.ts";
import { parsePolicy } from "../../mesh/policy/mod.ts";
import { PROOF_TYP } from "../../mesh/wire/api.ts";
import { fromBase64Url, toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import { ADMISSION_TYP, NODE_TYP } from "../../mesh/wire/record.ts";
import { type Network, onNetwork, seconds } from "./coordinator.ts";
import { malleated, spellings, unsigned } from "./forge.ts";

const test = onNetwork();

/** Asks for the list of machines by a proof as it is, and gives the status. */
async function ask(net: Network, proof: string, header = "DPoP"): Promise<number> {
  return (await net.coordinator.exchange({ path: "/v1/nodes", headers: { [header]: proof } })).status;
}

async function claims(net: Network, over: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const bh = await hashOf(new Uint8Array());
  return { htm: "GET", htu: "/v1/nodes", net: net.id, bh, iat: seconds(), jti: toBase64Url(random(16)), ...over };
}

test("row 5: no request proof passes that an admin's key did not sign for this very request", async (net) => {
  const { admin } = net;
  const key = admin.public;
  const good = await signJws(await claims(net), { typ: PROOF_TYP, key: admin });
  assert.equal(await ask(net, good), 200, "the honest request is answered");
  const jwk = { kty: "OKP", crv: "Ed25519", x: key };
  const payload = await claims(net);
  const attempts: Record<string, string> = {
    "alg none": unsigned({ alg: "none", typ: PROOF_TYP, jwk }, payload),
    "alg None": unsigned({ alg: "None", typ: PROOF_TYP, jwk }, payload),
    "HS256 with the public key": await hmacSigned({ alg: "HS256", typ: PROOF_TYP, jwk }, payload, key),
    "EdDSA header, HMAC signature": await hmacSigned({ alg: "EdDSA", typ: PROOF_TYP, jwk }, payload, key),
    "no alg": unsigned({ typ: PROOF_TYP, jwk }, payload),
    "no jwk": unsigned({ alg: "EdDSA", typ: PROOF_TYP }, payload),
    "jwk without kty": unsigned({ alg: "EdDSA", typ: PROOF_TYP, jwk: { crv: "Ed25519", x: key } }, payload),
    "jwk with alg": unsigned({ alg: "EdDSA", typ: PROOF_TYP, jwk: { ...jwk, alg: "none" } }, payload),
    "jku": unsigned({ alg: "EdDSA", typ: PROOF_TYP, jwk, jku: "https://evil.example" }, payload),
    "crit": unsigned({ alg: "EdDSA", typ: PROOF_TYP, jwk, crit: ["exp"] }, payload),
    "another key's signature under the admin's jwk": await reheaded(payload, key),
    "wrong typ": await signJws(payload, { typ: "JWT", key: admin }),
    "a node record's typ": await signJws(payload, { typ: NODE_TYP, key: admin }),
    "another method": await signJws(await claims(net, { htm: "POST" }), { typ: PROOF_TYP, key: admin }),
    "another path": await signJws(await claims(net, { htu: "/v1/gates" }), { typ: PROOF_TYP, key: admin }),
    "another query": await signJws(await claims(net, { htu: "/v1/nodes?x=1" }), { typ: PROOF_TYP, key: admin }),
    "another network": await signJws(await claims(net, { net: "a".repeat(32) }), { typ: PROOF_TYP, key: admin }),
    "another body": await signJws(await claims(net, { bh: await hashOf("x") }), { typ: PROOF_TYP, key: admin }),
    "ten minutes old": await signJws(await claims(net, { iat: seconds() - 600 }), { typ: PROOF_TYP, key: admin }),
    "ten minutes ahead": await signJws(await claims(net, { iat: seconds() + 600 }), { typ: PROOF_TYP, key: admin }),
    "iat as a text": await signJws(await claims(net, { iat: String(seconds()) }), { typ: PROOF_TYP, key: admin }),
    "no iat": await signJws(await claims(net, { iat: undefined }), { typ: PROOF_TYP, key: admin }),
    "a short jti": await signJws(await claims(net, { jti: "x" }), { typ: PROOF_TYP, key: admin }),
    "more claims": await signJws(await claims(net, { admin: true }), { typ: PROOF_TYP, key: admin }),
    "used before": good,
    "a malleated signature": malleated(await signJws(await claims(net), { typ: PROOF_TYP, key: admin })),
    "empty": "",
    "two proofs": `${await signJws(await claims(net), { typ: PROOF_TYP, key: admin })}, ${good}`,
  };
  for (const [what, proof] of Object.entries(attempts)) {
    const status = await ask(net, proof);
    assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
  }
  const fresh = await signJws(await claims(net), { typ: PROOF_TYP, key: admin });
  for (const scheme of ["Bearer", "DPoP", "Basic", "Token", ""]) {
    assert.equal(await ask(net, `${scheme} ${fresh}`.trim(), "authorization"), 401, scheme);
  }
});

test("row 5: no record is taken whose signature or admission does not hold", async (net) => {
  const grant = await net.grant();
  const member = await net.member("wanted", grant);
  const evil = await newSigningKey();
  const sub = member.key.public;
  const iat = seconds();
  const proofBy = async (over: Record<string, unknown>, key = grant, typ = ADMISSION_TYP) => ({
    kind: "token",
    jws: await signJws({ v: 1, net: net.id, sub, iat, ...over }, { typ, key }),
  });
  const header = { alg: "none", typ: ADMISSION_TYP, jwk: { kty: "OKP", crv: "Ed25519", x: grant.public } };
  const records: Record<string, unknown> = {
    "a grant of the attacker's own": { proof: await proofBy({}, evil) },
    "an unsigned admission": { proof: { kind: "token", jws: unsigned(header, { v: 1, net: net.id, sub, iat }) } },
    "an admission of another identity": { proof: await proofBy({ sub: evil.public }) },
    "an admission to another network": { proof: await proofBy({ net: "a".repeat(32) }) },
    "an admission without identity": { proof: await proofBy({ sub: undefined }) },
    "an admission of another typ": { proof: await proofBy({}, grant, "JWT") },
    "a malleated admission": { proof: { kind: "token", jws: malleated((await proofBy({})).jws) } },
    "another network": { net: "a".repeat(32) },
    "expired": { exp: iat - 1 },
    "from the future": { iat: iat + 3600 },
    "a tag that the grant lacks": { tags: ["tag:admin"] },
    "another machine's address": { ipv6: (await net.member("x", grant)).record.ipv6 },
    "an unknown field": { admin: true },
    "an id token that nobody issued": { proof: { kind: "oidc", idToken: unsigned({ alg: "none" }, { sub: "ann" }) } },
    "a way in that does not exist": { proof: { kind: "magic" } },
  };
  const before = await net.records();
  for (const [what, change] of Object.entries(records)) {
    const jws = await signJws({ ...member.record, ...change as object }, { typ: NODE_TYP, key: member.key });
    const body = JSON.stringify({ record: jws });
    const { status } = await net.proven(member.key, { method: "POST", path: "/v1/nodes", body });
    assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
  }
  assert.deepEqual(await net.records(), before);
  // A request that was seen on its way cannot be made again, nor for another body.
  const body = JSON.stringify({ record: member.jws });
  const o = {
    key: member.key,
    method: "POST",
    path: "/v1/nodes",
    net: net.id,
    body: utf8(body),
    iat,
    jti: toBase64Url(random(16)),
  };
  const proof = await makeRequestProof(o);
  const send = async (text: string) =>
    (await net.coordinator.exchange({ method: "POST", path: "/v1/nodes", headers: { DPoP: proof }, body: text }))
      .status;
  assert.equal(await send(`${body} `), 401);
  assert.equal(await send(body), 200);
  assert.equal(await send(body), 401);
});

const TRICKS = [
  "/%76%31/nodes",
  "/v1%2fnodes",
  "/v1/%6eodes",
  "//v1/nodes",
  "/v1//nodes",
  "/./v1/nodes",
  "/v1/./nodes",
  "/healthz/../v1/nodes",
  "/v1/server/../nodes",
  "/v1/server/..%2fnodes",
  "/v1/server/%2e%2e/nodes",
  "/v1/nodes/",
  "/V1/NODES",
  "/v1/nodes%00",
  "/v1/nodes;x",
  "/v1/nodes%3f",
  "/v1\\nodes",
  "/healthz/..;/v1/nodes",
  "/v1/nodes#x",
  "http://evil.example/v1/nodes",
  "/v1/nodes?",
  "/v1/nodes?x=1",
];
const FILES = [
  "/../../../../etc/passwd",
  "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
  "/..%2f..%2fetc%2fpasswd",
  "/v1/../../s/ca.pem",
  "/s/store.kv",
  "/static/..%5c..%5cetc%5cpasswd",
  "/%252e%252e/etc/passwd",
  "/file:///etc/passwd",
  "/s/tls.pem",
];

test("row 6: no spelling of a path reaches content without its own proof, nor a file", async (net) => {
  const secret = await Deno.readTextFile(`${net.coordinator.dir}/s/tls.pem`);
  for (const path of [...TRICKS, ...FILES]) {
    const plain = await net.coordinator.exchange({ path });
    assert.ok(plain.status >= 300 && plain.status < 500, `${path}: ${plain.status}`);
    // A proof for a harmless path, signed by a member, does not open another one.
    const insider = await net.proven(net.admin, { path, proofPath: "/healthz" });
    assert.ok(insider.status >= 300 && insider.status < 500, `${path}: ${insider.status}`);
    for (const { body } of [plain, insider]) {
      assert.doesNotMatch(body, /root:|"records"|PRIVATE KEY/, path);
      assert.ok(!body.includes(secret.slice(30, 80)));
    }
  }
  const answer = await net.coordinator.exchange({ path: "/v1/server", headers: { cookie: "a=b; Path=/; admin=1" } });
  assert.doesNotMatch(answer.body, /admin/);
  assert.ok(await net.coordinator.alive());
});

/** A policy that names a prefix in another spelling must be refused or compile to the very numbers of the canonical one. */
function refusedOrSame(prefix: string): boolean {
  const read = (text: string) =>
    JSON.stringify(
      parsePolicy(`[[allow]]\nfrom = [${JSON.stringify(text)}]\nto = ["*"]\n`).rules,
      (_, value) => typeof value === "bigint" ? String(value) : value,
    );
  try {
    return read(prefix).replaceAll(prefix, "fd00::/32") ===
      read(prefix.startsWith("FD") ? "fd00::/8" : "fd00::/32").replaceAll("fd00::/8", "fd00::/32");
  } catch (error) {
    return (error as { code?: string }).code === "bad_policy";
  }
}

test("row 6: a prefix that is not canonical is refused in the ledger and in records, and in a policy it means what it says", async (net) => {
  const grant = await net.grant();
  for (
    const prefix of [
      "010.1.1.0/24",
      "10.1.1.1/24",
      "::ffff:10.1.1.0/120",
      "10.1.1.0/024",
      "FD00::/8",
      "fd00:0::/32",
      "10.1/16",
      "0x0a.1.1.0/24",
    ]
  ) {
    assert.ok(refusedOrSame(prefix), prefix);
    const member = await net.member("twisted", grant);
    const jws = await signJws({ ...member.record, routes: [prefix] }, { typ: NODE_TYP, key: member.key });
    const { status } = await net.proven(member.key, {
      method: "POST",
      path: "/v1/nodes",
      body: JSON.stringify({ record: jws }),
    });
    assert.equal(status, 400, prefix);
    const body = { op: "add", prefix, node: member.id, metric: 0, snat: false } as const;
    await assert.rejects(net.append("route", body), { name: "GhostError" }, prefix);
  }
});

test("row 9: a revoked machine stays out in every spelling of its key, record and signature", async (net) => {
  const grant = await net.grant();
  const member = await net.join("lost", grant);
  await net.append("revoke", { what: "node", key: member.key.public });
  const next = { ...member.record, seq: 9 };
  const jws = await signNodeRecord(next, member.key);
  const attempts = [jws, member.jws, malleated(jws), ...spellings(jws)];
  for (const record of attempts) {
    const body = JSON.stringify({ record });
    const { status } = await net.proven(member.key, { method: "POST", path: "/v1/nodes", body });
    assert.ok(status >= 400 && status < 500, `${record.slice(-20)}: ${status}`);
  }
  assert.ok(!(await net.records()).some((r) => r === member.jws || attempts.includes(r)));
  assert.equal((await net.proven(member.key, { path: "/v1/nodes" })).code, "revoked");
});

test("row 9: a revoked token admits nobody in any spelling, and its revocation cannot be re-encoded away", async (net) => {
  const grant = await net.grant();
  await net.append("revoke", { what: "grant", key: grant.public });
  for (const change of [(t: string) => t, malleated, ...[0, 1, 2, 3].map((i) => (t: string) => spellings(t)[i]!)]) {
    const member = await net.member("late", grant);
    const proof = await makeTokenProof({ grantKey: grant, net: net.id, sub: member.key.public, iat: seconds() });
    const changed = { ...proof, jws: change(proof.jws) };
    const jws = await signJws({ ...member.record, proof: changed }, { typ: NODE_TYP, key: member.key });
    const { status } = await net.proven(member.key, {
      method: "POST",
      path: "/v1/nodes",
      body: JSON.stringify({ record: jws }),
    });
    assert.ok(status >= 400 && status < 500, String(status));
  }
  // The grant, signed again by an admin's own hand under the same key, stays revoked.
  const body = plainGrant(grant.public);
  await assert.rejects(net.append("grant", body), { code: "bad_ledger" });
});

const IDENTITY_HEADERS = [
  "x-forwarded-user",
  "x-remote-user",
  "remote-user",
  "x-auth-request-email",
  "x-forwarded-email",
  "tailscale-user-login",
  "x-ssl-client-verify",
  "x-ssl-client-s-dn",
  "x-client-cert",
  "x-forwarded-client-cert",
  "ssl-client-cert",
  "client-cert",
  "x-amzn-mtls-clientcert",
  "x-amzn-oidc-identity",
  "x-goog-authenticated-user-email",
  "cf-access-authenticated-user-email",
];

test("row 19: identity headers that anybody can send admit nobody and raise nobody", async (net) => {
  const stranger = await newSigningKey();
  const grant = await net.grant();
  const node = await net.join("lowly", grant);
  for (const name of IDENTITY_HEADERS) {
    for (const value of ["admin", "ann@example.com", net.admin.public, "SUCCESS"]) {
      const headers = { [name]: value, "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1" };
      assert.equal((await net.coordinator.exchange({ path: "/v1/nodes", headers })).status, 401, name);
      assert.ok((await net.proven(stranger, { path: "/v1/ledger?from=0", headers })).status >= 400, name);
      assert.equal((await net.proven(node.key, { path: "/v1/policy/draft", headers })).code, "forbidden", name);
    }
  }
  // A member may hand on what admins signed; its own word stays its own.
  const body = plainGrant(node.key.public);
  const entry = await signEntry({ ledger: net.ledger, admin: node.key, kind: "grant", body, iat: seconds() });
  const headers = { "x-forwarded-user": "admin" };
  const text = JSON.stringify({ entries: [entry] });
  const { status } = await net.proven(node.key, { method: "POST", path: "/v1/ledger", body: text, headers });
  assert.equal(status, 400);
});

async function hmacSigned(header: object, payload: object, secret: string): Promise<string> {
  const text = unsigned(header, payload).replace(/\.[^.]*$/, "");
  const key = await crypto.subtle.importKey("raw", fromBase64Url(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text)));
  return `${text}.${toBase64Url(mac)}`;
}

/** A payload signed by the attacker, whose header names the victim's key. */
async function reheaded(payload: object, victim: string): Promise<string> {
  const evil: SigningKey = await newSigningKey();
  const jws = await signJws(payload, { typ: PROOF_TYP, key: evil });
  const header = toBase64Url(
    utf8(JSON.stringify({ alg: "EdDSA", typ: PROOF_TYP, jwk: { kty: "OKP", crv: "Ed25519", x: victim } })),
  );
  return [header, ...jws.split(".").slice(1)].join(".");
}
