import assert from "node:assert/strict";
import { boxKeyFromSeed, nodeIdOf, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { makeTurnGrant, readTurnAsk } from "../../mesh/trust/turn_mail.ts";
import { GateCredentials } from "./turn_credentials.ts";

const NET = "a".repeat(32);
const seed = (n: number) => new Uint8Array(32).fill(n);

async function scene(o: { session: boolean; lost?: boolean }) {
  const [key, gateKey, box] = [
    await signingKeyFromSeed(seed(1)),
    await signingKeyFromSeed(seed(2)),
    await boxKeyFromSeed(seed(3)),
  ];
  const [id, gateId] = [await nodeIdOf(key.public), await nodeIdOf(gateKey.public)];
  const gate = { id: gateId, key: gateKey.public, name: "gate1" } as VerifiedGate;
  const mails: string[] = [];
  const dropped: unknown[] = [];
  let asked = 0;
  const credentials = new GateCredentials({
    net: NET,
    self: { id, key: box },
    key,
    record: () => "re.co.rd",
    gate: () => gate,
    ask: () => o.session && ++asked > 0,
    mail: (_, mail) => {
      mails.push(mail);
      return o.lost ? Promise.reject(new Error("away")) : Promise.resolve();
    },
    dropped: (_, why) => dropped.push(why),
    now: () => 1_000_000,
  });
  const grant = async (at: number, by = gateKey) => {
    const given = { v: 1 as const, net: NET, node: id, at, username: "u", password: "p", expires: 50_000 };
    return await makeTurnGrant({ grant: given, gate: gateId, key: by, to: { id, seal: box.public }, seed: seed(7) });
  };
  return { credentials, gate, gateId, mails, dropped, grant, key, asked: () => asked };
}

Deno.test("GateCredentials asks over the session, once for all who wait, and keeps what it gets", async () => {
  const { credentials, gateId, mails, asked } = await scene({ session: true });
  const both = [credentials.of(gateId), credentials.of(gateId)];
  assert.equal(credentials.granted(gateId, { username: "u", password: "p", expires: 50_000 }), false);
  assert.deepEqual((await Promise.all(both)).map(({ username }) => username), ["u", "u"]);
  await credentials.of(gateId);
  assert.deepEqual([asked(), mails.length], [1, 0]);
  assert.equal(credentials.granted(gateId, { username: "u", password: "other", expires: 50_000 }), true);
});

Deno.test("attack: GateCredentials takes a mailed answer to its own ask, once, and nothing else", async () => {
  const { credentials, gate, gateId, mails, dropped, grant, key } = await scene({ session: false });
  const waiting = credentials.of(gateId);
  while (mails.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const { ask } = await readTurnAsk(mails[0]!);
  await credentials.mailed(gate, await grant(ask.at + 1)); // of another time
  await credentials.mailed(gate, await grant(ask.at, key)); // signed by another
  await credentials.mailed(gate, "nonsense");
  assert.equal(dropped.length, 3);
  const right = await grant(ask.at);
  await credentials.mailed(gate, right);
  assert.equal((await waiting).password, "p");
  await credentials.mailed(gate, right);
  assert.equal(dropped.length, 4);
});

Deno.test("GateCredentials remembers a few asks that nobody answers, the newest, and no more", async () => {
  const { credentials, gate, gateId, mails, dropped, grant } = await scene({ session: false, lost: true });
  for (let i = 0; i < 9; i++) await assert.rejects(credentials.of(gateId), /Nobody carries/);
  const asks = await Promise.all(mails.map(readTurnAsk));
  await credentials.mailed(gate, await grant(asks[0]!.ask.at));
  assert.equal(dropped.length, 1);
  for (const { ask } of asks.slice(1)) await credentials.mailed(gate, await grant(ask.at));
  assert.equal(dropped.length, 1);
});
