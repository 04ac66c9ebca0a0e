/** Enrolment against a coordinator that fails or lies at the wrong moment. */
import assert from "node:assert/strict";
import { Feeds } from "../link/host/feeds.ts";
import { join, type JoinOptions } from "../link/host/join.ts";
import { askDaemon } from "../link/host/local_client.ts";
import { renewByToken } from "../link/host/login/again_by_token.ts";
import { MeshClient } from "../mesh/client/mod.ts";
import { OwnRecord } from "../link/host/own_record.ts";
import { meet } from "../link/host/login/first_contact.ts";
import { Preparing } from "../link/host/prepared.ts";
import { NodeState } from "../link/host/state.ts";
import { Supervisor, type SupervisorOptions } from "../link/host/supervisor.ts";
import { newSigningKey, random, World } from "../mesh/server/testing.ts";
import { AdmitRules } from "../mesh/policy/mod.ts";
import { readNodeRecord, verifyNodeRecord } from "../mesh/trust/record.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import { encodeToken } from "../mesh/wire/token.ts";

/** Serves a world over HTTP with something in between, and gives what `join` needs to go there. */
async function withServer(
  between: (request: Request, world: World) => Promise<Response>,
  work: (o: {
    server: string;
    state: NodeState;
    world: World;
    auth: string;
    enrol: (more?: Pick<JoinOptions, "ready">) => ReturnType<typeof join>;
  }) => Promise<void>,
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
    const enrol = (more = {}) => join(state, { auth, machine, random, now: world.clock.now, ...more });
    await work({ server: at, state, world, auth, enrol });
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

Deno.test("a machine that lacks something spends no token, and its keys serve once it has it", async () => {
  const posts: string[] = [];
  await withServer(async (request, world) => {
    if (request.method === "POST") posts.push(request.url);
    return await world.app.fetch(request);
  }, async ({ state, enrol }) => {
    const lacks = new GhostError("port_in_use", "An interface of this name exists and is not ours");
    const asked: string[] = [];
    await assert.rejects(enrol({ ready: ({ id }) => (asked.push(id), Promise.reject(lacks)) }), lacks);
    assert.deepEqual(posts, []);
    assert.equal(await state.network(), null);
    const { id } = await enrol({ ready: ({ id }) => (asked.push(id), Promise.resolve()) });
    assert.deepEqual(asked, [id, id]);
  });
});

Deno.test("a daemon that waits for ghostctl join spends no token either where the tunnel cannot be", async () => {
  const posts: string[] = [];
  await withServer(async (request, world) => {
    if (request.method === "POST") posts.push(request.url);
    return await world.app.fetch(request);
  }, async ({ state, auth, world }) => {
    world.clock.ms = Date.now(); // a daemon goes by the real one
    const dir = await Deno.makeTempDir();
    const socket = `${dir}/link/ghostlink.sock`;
    const stop = new AbortController();
    const feeds = new Feeds({ write() {} });
    let opened = 0;
    const lacks = () => {
      opened++;
      return Promise.reject(new GhostError("port_in_use", "An interface of this name exists and is not ours"));
    };
    const supervisor = new Supervisor(
      {
        ...{ state, socket, feeds, log: feeds.log, idle: true, group: null, signal: stop.signal },
        platform: { openMachine: lacks },
        config: { interface: "ghost0", turn: [] },
        preparing: new Preparing(),
        machine: { hostname: "alice", os: "linux", version: "0.1.0" },
      } as unknown as SupervisorOptions,
    );
    const running = supervisor.run();
    let refused: unknown = null;
    while (refused === null) {
      refused = await askDaemon(socket, { auth }).catch((error: unknown) => error); // null until it serves
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop.abort();
    await running;
    await Deno.remove(dir, { recursive: true });
    assert.match(String(refused), /exists and is not ours/);
    assert.deepEqual({ opened, posts, network: await state.network() }, { opened: 1, posts: [], network: null });
  });
});

Deno.test("an expired key is refused at the door, and a new token renews it with the same identity", async () => {
  await withServer(
    (request, world) => Promise.resolve(world.app.fetch(request)),
    async ({ server, state, world, enrol }) => {
      const source = '[[allow]]\nfrom = ["*"]\nto = ["*"]\n[expiry]\nstatic = "1d"\n';
      await world.append("policy", { format: "toml", source });
      const { id } = await enrol();
      world.clock.ms += 2 * 86_400_000;
      const [identity, network] = [(await state.identity())!, (await state.network())!];
      const { now } = world.clock;
      const own = new OwnRecord({ state, identity, network, random, now });
      await own.change({});
      using mesh = new MeshClient({ server, net: world.net, key: identity.identity, now, random });
      await assert.rejects(mesh.publishNode(own.jws), { code: "not_admitted", message: /key has expired/ });

      const grant = await world.grant({ uses: 1, tags: ["tag:web"] });
      const { head } = world.ledger;
      const renew = (auth: string) => renewByToken(state, { auth, socket: "/nonexistent/ghostlink.sock", now });
      assert.equal(await renew(encodeToken({ server, net: world.net, head, key: grant.seed })), "alice");
      const { record } = (await state.network())!;
      const verified = await verifyNodeRecord(record, {
        ledger: world.ledger,
        now: world.clock.seconds,
        admit: new AdmitRules().of(world.ledger.policy),
      });
      assert.deepEqual([verified.id, verified.tags], [id, ["tag:web"]]);
      // A token that does not read, and another network's, change nothing.
      using kv = await Deno.openKv(":memory:");
      const { net: elsewhere } = await World.make({ kv });
      const foreign = encodeToken({ server, net: elsewhere, head, key: grant.seed });
      await assert.rejects(renew(foreign.slice(0, -4)), { code: "bad_token" });
      await assert.rejects(renew(foreign), { code: "token_foreign" });
      assert.equal((await state.network())!.record, record);
    },
  );
});

Deno.test("a new token that is refused costs a machine neither the admission that it has nor its tags", async () => {
  let busy = false;
  await withServer(
    (request, world) =>
      busy && request.method === "POST"
        ? Promise.resolve(new Response("away", { status: 502 }))
        : Promise.resolve(world.app.fetch(request)),
    async ({ server, state, world, enrol }) => {
      await enrol();
      const { now } = world.clock;
      const tokenOf = async (uses: number, expires: number | null = null) => {
        const grant = await world.grant({ uses, expires, tags: ["tag:web"] });
        const auth = encodeToken({ server, net: world.net, head: world.ledger.head, key: grant.seed });
        return { grant, auth };
      };
      const saved = async () => (await state.network())!;
      const told = async () => {
        const { proof, tags } = (await readNodeRecord((await saved()).record)).record;
        return { proof, tags };
      };
      const renew = (auth: string) => renewByToken(state, { auth, socket: "/nonexistent/ghostlink.sock", now });
      const own = new OwnRecord({ state, identity: (await state.identity())!, network: await saved(), random, now });
      await own.change({ tags: ["tag:before"] });
      const before = await told();

      // Used up: only the coordinator knows.
      const used = await tokenOf(1);
      await world.node("bob", used.grant);
      await assert.rejects(renew(used.auth), { code: "token_used_up" });
      assert.deepEqual(await told(), before);
      // Late, or revoked: nothing is even tried.
      const { record } = await saved();
      const late = await tokenOf(9, world.clock.seconds);
      world.clock.ms += 2_000;
      await assert.rejects(renew(late.auth), { code: "token_expired" });
      const gone = await tokenOf(9);
      await world.append("revoke", { what: "grant", key: gone.grant.public });
      await assert.rejects(renew(gone.auth), { code: "revoked" });
      assert.equal((await saved()).record, record);

      // The coordinator went away with it: the daemon will hand it over.
      busy = true;
      await assert.rejects(renew((await tokenOf(1)).auth), { code: "unreachable" });
      assert.deepEqual((await told()).tags, []);
      assert.notDeepEqual((await told()).proof, before.proof);
      busy = false;

      // This folder is older than what the coordinator has.
      const older = await saved();
      const newer = new OwnRecord({ state, identity: (await state.identity())!, network: older, random, now });
      await newer.change({}, older.seq + 5);
      using mesh = new MeshClient({ server, net: world.net, key: newer.identity.identity, now, random });
      await mesh.publishNode(newer.jws);
      await state.saveNetwork(older);
      world.clock.ms += 60_000;
      await renew((await tokenOf(1)).auth);
      assert.ok((await saved()).seq > newer.record.seq);
    },
  );
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
