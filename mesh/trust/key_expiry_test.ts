import assert from "node:assert/strict";
import { parsePolicy } from "../policy/parse.ts";
import { keyEnd } from "./key_expiry.ts";
import { makeTokenProof } from "./admission/mod.ts";
import { signNodeRecord, verifyNodeRecord } from "./record.ts";
import { ipv6Of } from "./address.ts";
import { boxKeyFromSeed, nodeIdOf } from "./keys.ts";
import { ghost } from "./testdata/assert.ts";
import { add, grantKey, grantOf, network, NOW, signer } from "./testdata/network.ts";
import { plainRecord } from "./testdata/plain.ts";

const DAY = 86_400;
const admit = parsePolicy(`[tags]
server = []
kiosk = []
[expiry]
static = "90d"
"tag:server" = "never"
"tag:kiosk" = "1d"
`).admit;

Deno.test("keyEnd() counts from the admission, by way in and by tag, the shortest of several", () => {
  const end = (tags: string[], o: { now?: number; expires?: number | null; since?: number } = {}) =>
    keyEnd({ method: "token", since: o.since ?? NOW, expires: o.expires ?? null }, { admit, tags, now: o.now ?? NOW });
  assert.equal(end([]), NOW + 90 * DAY);
  assert.equal(end(["tag:server"]), null);
  assert.equal(end(["tag:server", "tag:kiosk"]), NOW + DAY);
  assert.equal(end([], { expires: NOW + 5 }), NOW + 5);
  assert.throws(() => end([], { now: NOW + 90 * DAY }), ghost("not_admitted", /expired at .*ghostlink login --auth/));
  assert.throws(() => end([], { since: NOW + DAY }), ghost("clock_skew", /in the future/));
  assert.equal(keyEnd({ method: "oidc", since: 0, expires: null }, { admit, tags: [], now: NOW }), null);
});

Deno.test("verifyNodeRecord() refuses an expired key, whoever asks, unless an admin has set another end", async () => {
  const ledger = await network();
  const key = await signer("alice");
  await add(ledger, "grant", grantOf(grantKey, {}));
  const id = await nodeIdOf(key.public);
  const box = (await boxKeyFromSeed(new Uint8Array(32).fill(7))).public;
  const record = async (now: number) => {
    const plain = plainRecord({
      net: ledger.network.id,
      seq: now,
      iat: now,
      name: "alice",
      wg: box,
      seal: box,
      ipv6: await ipv6Of(ledger.network.id, id),
      proof: await makeTokenProof({ grantKey, net: ledger.network.id, sub: key.public, iat: NOW }),
    });
    return await signNodeRecord(plain, key);
  };
  const before = await verifyNodeRecord(await record(NOW), { ledger, now: NOW, admit });
  assert.equal(before.admission.expires, NOW + 90 * DAY);
  const late = NOW + 91 * DAY;
  await assert.rejects(
    verifyNodeRecord(await record(late), { ledger, now: late, admit }),
    ghost("not_admitted", /key has expired/),
  );
  await add(ledger, "node", { node: id, expires: NOW + 200 * DAY });
  const after = await verifyNodeRecord(await record(late), { ledger, now: late, admit });
  assert.equal(after.admission.expires, null);
});
