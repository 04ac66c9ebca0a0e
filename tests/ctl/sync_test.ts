/** The coordinator's client on a real coordinator's event stream. */
import assert from "node:assert/strict";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { decodeToken } from "../../mesh/wire/token.ts";
import { World } from "./world.ts";

Deno.test("MeshClient.sync() gives a snapshot, then changes, and resumes from its cursor", async () => {
  await using world = await World.make();
  await world.init();
  const { token } = await world.json("token", "create", "--uses", "3");
  const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  await world.join(token, "alice", { identity: key });
  using client = await world.client(decodeToken(token).net, key);

  const first = new AbortController();
  const seen: string[] = [];
  let cursor = "";
  for await (const { id, event } of client.sync({ ledgerFrom: 0, signal: first.signal })) {
    seen.push(event.type);
    cursor = id || cursor;
    if (event.type === "synced") {
      assert.deepEqual([event.head.seq, event.snapshot], [2, true]);
      await world.join(token, "bob");
    }
    if (seen.includes("synced") && event.type === "node") first.abort();
  }
  assert.deepEqual(seen.slice(0, 3), ["ledger", "ledger", "ledger"]);

  await world.join(token, "carol"); // while nobody listens
  const second = new AbortController();
  const missed: string[] = [];
  for await (const { event } of client.sync({ cursor, ledgerFrom: 3, signal: second.signal })) {
    missed.push(event.type);
    if (event.type !== "synced") continue;
    assert.equal(event.snapshot, false);
    second.abort();
  }
  assert.ok(missed.includes("node"), missed.join());
});
