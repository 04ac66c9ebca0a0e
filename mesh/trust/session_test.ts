import assert from "node:assert/strict";
import type { SessionClaims } from "../wire/gate_session.ts";
import { toBase64Url } from "../wire/encoding.ts";
import { sha256 } from "./keys.ts";
import { signSession, verifySession } from "./session.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { signer } from "./testdata/network.ts";

const hash = async (text: string) => toBase64Url(await sha256(text));
const node = await signer("alice");
const gate = await signer("gate");
const claims: SessionClaims = {
  role: "gate",
  net: "eifmesuhf4me5u6yolot7rae5afh456l",
  gate: gate.public,
  node: node.public,
  cert: await hash("certificate"),
  nonces: [await hash("node's nonce"), await hash("gate's nonce")],
};
const proof = await signSession(claims, gate);

Deno.test("verifySession() takes the proof of these very claims", async () => {
  await verifySession(proof, claims, gate.public);
  const { role, ...rest } = claims;
  await verifySession(proof, { ...rest, role }, gate.public);
});

Deno.test("verifySession() refuses every other claim, so a proof cannot be relayed", async () => {
  const other = await hash("other");
  const changes: Partial<SessionClaims>[] = [
    { role: "node" },
    { net: "f".repeat(32) },
    { gate: node.public },
    { node: other },
    { cert: other },
    { nonces: [claims.nonces[1], claims.nonces[0]] },
    { nonces: [claims.nonces[0], other] },
    { nonces: [other, claims.nonces[1]] },
  ];
  for (const change of changes) {
    await assert.rejects(
      verifySession(proof, { ...claims, ...change }, gate.public),
      ghost("bad_signature", /^session proof: The proof is for another session/),
    );
  }
});

Deno.test("verifySession() refuses another signer and every mutation", async () => {
  await assert.rejects(verifySession(proof, claims, node.public), ghost("bad_signature", /another key/));
  await assert.rejects(verifySession(await signSession(claims, node), claims, gate.public), ghost("bad_signature"));
  await everyMutationIsRefused(proof, (jws) => verifySession(jws, claims, gate.public));
});
