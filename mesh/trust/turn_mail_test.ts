import assert from "node:assert/strict";
import { boxKeyFromSeed, nodeIdOf, signingKeyFromSeed } from "./keys.ts";
import { makeTurnAsk, makeTurnGrant, openTurnGrant, readTurnAsk } from "./turn_mail.ts";

const seed = (n: number) => new Uint8Array(32).fill(n);
const NET = "a".repeat(32);

async function ends() {
  const [node, gate] = [await signingKeyFromSeed(seed(1)), await signingKeyFromSeed(seed(2))];
  const box = await boxKeyFromSeed(seed(3));
  const [nodeId, gateId] = [await nodeIdOf(node.public), await nodeIdOf(gate.public)];
  const grant = { v: 1 as const, net: NET, node: nodeId, at: 5, username: "9:x", password: "p", expires: 9 };
  return { node, gate, box, nodeId, gateId, grant };
}

Deno.test("a TURN ask tells who signed it, and does not read when anything in it is changed", async () => {
  const { node, gateId } = await ends();
  const ask = { v: 1 as const, net: NET, gate: gateId, at: 7 };
  const mail = await makeTurnAsk({ ask, record: "re.co.rd", key: node });
  assert.deepEqual(await readTurnAsk(mail), { key: node.public, ask, record: "re.co.rd" });
  const other = mail.slice(0, -4) + (mail.endsWith("AAAA") ? "BBBB" : "AAAA");
  await assert.rejects(readTurnAsk(other), { code: "bad_signature" });
  for (const text of ["", "record", "a~b~c"]) await assert.rejects(readTurnAsk(text));
});

Deno.test("a TURN grant opens for its node alone, from its gate alone", async () => {
  const { node, gate, box, nodeId, gateId, grant } = await ends();
  const to = { id: nodeId, seal: box.public };
  const mail = await makeTurnGrant({ grant, gate: gateId, key: gate, to, seed: seed(4) });
  const self = { id: nodeId, key: box };
  const from = { id: gateId, key: gate.public };
  assert.deepEqual(await openTurnGrant(mail, { net: NET, self, gate: from }), grant);
  assert.ok(!mail.includes("9:x"));
  const thief = { id: nodeId, key: await boxKeyFromSeed(seed(9)) };
  await assert.rejects(openTurnGrant(mail, { net: NET, self: thief, gate: from }), { code: "bad_signature" });
  // Whoever carries the mail can seal something of its own, but not sign it as the gate.
  const forged = await makeTurnGrant({ grant, gate: gateId, key: node, to, seed: seed(4) });
  await assert.rejects(openTurnGrant(forged, { net: NET, self, gate: from }), { code: "bad_signature" });
  const foreign = await makeTurnGrant({
    grant: { ...grant, node: gateId },
    gate: gateId,
    key: gate,
    to,
    seed: seed(4),
  });
  await assert.rejects(openTurnGrant(foreign, { net: NET, self, gate: from }), { code: "wrong_network" });
});
