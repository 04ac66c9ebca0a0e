/** Enrolment against a coordinator that fails or lies at the wrong moment. */
import assert from "node:assert/strict";
import { join } from "../link/host/join.ts";
import { meet } from "../link/host/login/first_contact.ts";
import { NodeState } from "../link/host/state.ts";
import { newSigningKey, random, World } from "../mesh/server/testing.ts";
import { encodeToken } from "../mesh/wire/token.ts";

/** Serves a world over HTTP with something in between, and gives what `join` needs to go there. */
async function withServer(
  between: (request: Request, world: World) => Promise<Response>,
  work: (o: { server: string; state: NodeState; world: World; enrol: () => ReturnType<typeof join> }) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const grant = await world.grant({ uses: 1 });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (r) => between(r, world));
  const at = `http://127.0.0.1:${server.addr.port}`;
  const auth = encodeToken({
    server: at,
    net: world.net,
    head: world.ledger.head,
    key: grant.seed,
  });
  const state = new NodeState(dir);
  const machine = { hostname: "alice", os: "linux", version: "0.1.0" };
  try {
    await work({ server: at, state, world, enrol: () => join(state, { auth, machine, random, now: world.clock.now }) });
  } finally {
    await server.shutdown();
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a join whose answer was lost can be tried again, with the same one-use token", async () => {
  let lose = true;
  await withServer(async (request, world) => {
    const isRecord = request.method === "POST";
    const answer = await world.app.fetch(request);
    if (!isRecord || !lose) return answer;
    lose = false;
    return new Response("the proxy lost it", { status: 502 });
  }, async ({ state, world, enrol }) => {
    await assert.rejects(enrol(), { code: "unreachable" });
    assert.equal(await state.network(), null);
    world.clock.ms += 2_000;
    const joined = await enrol();
    assert.equal(joined.network.name, "alice");
    assert.equal((await state.network())?.net, world.net);
  });
});

Deno.test("a join ends though the coordinator promises entries that it never shows", async () => {
  await withServer(async (request, world) => {
    const answer = await world.app.fetch(request);
    if (new URL(request.url).pathname !== "/v1/ledger") return answer;
    const first = world.ledger.at(0)!;
    return Response.json({ entries: [first], head: { ...world.ledger.head, seq: 99 } });
  }, async ({ state, enrol }) => {
    await assert.rejects(enrol(), { code: "ledger_rollback" });
    assert.equal(await state.network(), null);
  });
});

Deno.test("meet() without a token asks a coordinator for no page after one that is wrong or brings nothing new", async () => {
  const ends = { nonsense: "refused", "the genesis again": "met", nothing: "met" };
  for (const [what, end] of Object.entries(ends)) {
    let pages = 0;
    await withServer(async (request, world) => {
      const { pathname } = new URL(request.url);
      const answer = await world.app.fetch(request);
      if (pathname === "/v1/server") return Response.json({ ...await answer.json(), authMethods: ["oidc"] });
      if (pathname !== "/v1/ledger") return answer;
      // It would go on for ever; the test does not.
      if (++pages > 20) return new Response("enough", { status: 503 });
      const first = world.ledger.at(0)!;
      const later = { nonsense: ["e30.e30.e30"], "the genesis again": [first], nothing: [] }[what];
      return Response.json({ entries: pages === 1 ? [first] : later, head: { ...world.ledger.head, seq: 1_000_000 } });
    }, async ({ server, world }) => {
      const { now } = world.clock;
      const key = await newSigningKey();
      const met = meet({ server, net: world.net, method: "oidc", key, confirm: null, random, now }).then(
        ({ client, ledger }) => {
          client.close();
          assert.equal(ledger.head.seq, 0);
          return "met";
        },
        (error) => {
          assert.match(error.code, /^bad_/, String(error));
          return "refused";
        },
      );
      assert.deepEqual([await met, pages], [end, 2], what);
    });
  }
});
