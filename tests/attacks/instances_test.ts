/** Row 5 between instances of one coordinator: what one has accepted, no other accepts again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createApp } from "../../mesh/server/mod.ts";
import { twin } from "../../mesh/store/testing.ts";
import { random, World } from "../../mesh/server/testing.ts";
import { makeRequestProof } from "../../mesh/trust/proof.ts";
import { PROOF_HEADER } from "../../mesh/wire/api.ts";
import { toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import { VERSION } from "../../mesh/wire/version.ts";

Deno.test("row 5: two instances over one store take a request proof once between them", async () => {
  const dir = await Deno.makeTempDir();
  try {
    using kv = await Deno.openKv(join(dir, "store"));
    using again = await Deno.openKv(join(dir, "store")); // a connection of its own, as another process has
    const world = await World.make({ kv });
    const { admin, clock, net } = world;
    const log = (error: unknown) => {
      throw error;
    };
    const config = { version: VERSION, authMethods: ["static"], log };
    const instance = (store: Deno.Kv) => createApp({ kv: store, now: clock.now, random, config });
    // Two connections to one file lock each other out when both write at once, so what happens at once goes through one.
    const [second, elsewhere] = [instance(twin(kv)), instance(again)];
    const apps = [world.app, second];
    const requestOf = async (method: string, path: string, text?: string) => {
      const body = utf8(text ?? "");
      const parts = { key: admin, method, path, net, body, iat: clock.seconds, jti: toBase64Url(random(16)) };
      const headers = { [PROOF_HEADER]: await makeRequestProof(parts) };
      return { path, init: { method, headers, ...(text === undefined ? {} : { body }) } };
    };
    const codes = async (answers: Response[]) =>
      await Promise.all(answers.map(async (r) => r.status === 200 ? "ok" : (await r.json()).code));
    const requests = [
      await requestOf("GET", "/v1/nodes"),
      await requestOf("GET", "/v1/ledger?from=0"),
      await requestOf("POST", "/v1/ledger", JSON.stringify({ entries: [world.ledger.at(1)] })),
    ];
    for (const { path, init } of requests) {
      // At once, so that neither has heard of the other's, and once more when both have.
      const answers = await codes(
        await Promise.all(Array.from({ length: 8 }, (_, i) => apps[i % 2]!.request(path, init))),
      );
      assert.deepEqual(answers.sort(), ["ok", ...Array(7).fill("replayed")], path);
      assert.deepEqual(await codes([await apps[0]!.request(path, init), await apps[1]!.request(path, init)]), [
        "replayed",
        "replayed",
      ]);
    }
    // In turn: the second instance refuses what the first took, and the other way round, over a connection of its own.
    for (const [first, other] of [[world.app, elsewhere], [elsewhere, world.app], [second, elsewhere]]) {
      const { path, init } = await requestOf("GET", "/v1/nodes");
      assert.deepEqual(await codes([await first!.request(path, init), await other!.request(path, init)]), [
        "ok",
        "replayed",
      ]);
    }
    await second.close();
    await elsewhere.close();
    await world.app.close();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
