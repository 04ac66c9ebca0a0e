import assert from "node:assert/strict";
import { MAX_BODY, PROOF_HEADER, serverInfo } from "../wire/api.ts";
import { toBase64Url, utf8 } from "../wire/encoding.ts";
import { signEntry } from "../trust/ledger.ts";
import { makeRequestProof } from "../trust/proof.ts";
import { twin } from "../store/testing.ts";
import { Clock, firstChain, newApp, newSigningKey, ok, OPEN_POLICY, post, random, refused, World } from "./testing.ts";

Deno.test("createApp() answers little before it is claimed, and refuses the rest with not_claimed", async () => {
  using kv = await Deno.openKv(":memory:");
  const app = newApp(kv, { clock: new Clock() });
  assert.deepEqual(await ok(await app.request("/healthz")), { ok: true });
  const info = serverInfo.parse(await ok(await app.request("/v1/server")));
  assert.equal(info.claimed, false);
  assert.equal(info.network, null);
  for (const path of ["/v1/ledger", "/v1/nodes", "/v1/gates", "/v1/sync", "/v1/policy/draft", "/nowhere"]) {
    assert.equal(await refused(await app.request(path)), "409 not_claimed", path);
  }
  assert.equal(await refused(await app.request("/v1/nodes", post({}))), "409 not_claimed");
});

Deno.test("POST /v1/setup works once, with the newest secret, and of parallel ones exactly one succeeds", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new Clock();
  const app = newApp(kv, { clock });
  const old = (await app.newSetupSecret())!;
  const secret = (await app.newSetupSecret())!;
  const chains = await Promise.all(
    Array.from(
      { length: 5 },
      async () => await firstChain(await newSigningKey(), { policy: OPEN_POLICY, iat: clock.seconds }),
    ),
  );
  const claim = (s: Uint8Array, i = 0) =>
    app.request("/v1/setup", post({ secret: toBase64Url(s), entries: chains[i]!.entries }));
  assert.equal(await refused(await claim(old)), "403 bad_setup_code");
  const answers = await Promise.all(chains.map((_, i) => claim(secret, i)));
  const won = answers.findIndex((a) => a.status === 200);
  assert.equal(answers.filter((a) => a.status === 200).length, 1);
  for (const [i, answer] of answers.entries()) {
    if (i !== won) assert.equal(await refused(answer), "409 already_claimed");
  }
  const info = serverInfo.parse(await ok(await app.request("/v1/server")));
  assert.equal(info.network?.id, chains[won]!.ledger.network.id);
  assert.equal(await refused(await claim(secret)), "409 already_claimed");
  assert.equal(await app.newSetupSecret(), null);
});

Deno.test("POST /v1/setup limits wrong tries, refuses bad entries, and a right secret stays usable", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new Clock();
  const app = newApp(kv, { clock });
  const secret = toBase64Url((await app.newSetupSecret())!);
  const { entries } = await firstChain(await newSigningKey(), { policy: OPEN_POLICY, iat: clock.seconds });
  const codes: string[] = [];
  for (let i = 0; i < 12; i++) {
    codes.push(await refused(await app.request("/v1/setup", post({ secret: toBase64Url(random(16)), entries }))));
  }
  assert.deepEqual(codes.slice(9), ["403 bad_setup_code", "429 too_many", "429 too_many"]);
  clock.ms += 60_000;
  const bad = await app.request("/v1/setup", post({ secret: toBase64Url(random(16)), entries }));
  assert.equal(await refused(bad), "403 bad_setup_code");
  const broken = await firstChain(await newSigningKey(), { policy: "[[allow]]\nfrm = []", iat: clock.seconds });
  const policy = await app.request("/v1/setup", post({ secret, entries: broken.entries }));
  assert.equal(await refused(policy), "422 bad_policy");
  const cut = await app.request("/v1/setup", post({ secret, entries: entries.slice(1) }));
  assert.equal(await refused(cut), "400 bad_ledger");
  await ok(await app.request("/v1/setup", post({ secret, entries })));
});

Deno.test("GET /v1/policy/draft is for the set-up code first and for admins afterwards", async () => {
  using kv = await Deno.openKv(":memory:");
  const draft = { source: OPEN_POLICY, sha256: toBase64Url(random(32)) };
  const app = newApp(kv, { clock: new Clock(), config: { draft: () => Promise.resolve(draft) } });
  const secret = toBase64Url((await app.newSetupSecret())!);
  const ask = (s: string) => app.request("/v1/policy/draft", { headers: { authorization: `Setup ${s}` } });
  assert.deepEqual(await ok(await ask(secret)), draft);
  assert.equal(await refused(await ask(toBase64Url(random(16)))), "403 bad_setup_code");
  const world = await World.make({ kv, config: { draft: () => Promise.resolve(draft) } });
  const claimed = world.through(app);
  assert.equal(await refused(await ask(secret)), "401 unauthorized");
  assert.deepEqual(await ok(await claimed.call(world.admin, "/v1/policy/draft")), draft);
  const none = world.through(newApp(kv, { clock: world.clock }));
  assert.equal(await refused(await none.call(world.admin, "/v1/policy/draft")), "404 not_found");
});

Deno.test("createApp() answers problems for unknown paths, wrong methods, oversize and malformed bodies", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const { app } = world;
  assert.equal(await refused(await app.request("/nowhere")), "404 not_found");
  const put = await app.request("/v1/nodes", { method: "PUT" });
  assert.equal(put.headers.get("allow"), "GET, HEAD, POST");
  assert.equal(await refused(put), "405 bad_input");
  const big = new Uint8Array(MAX_BODY + 1);
  assert.equal(await refused(await app.request("/v1/nodes", { method: "POST", body: big })), "413 too_large");
  const stream = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1 << 18));
    },
  });
  assert.equal(await refused(await app.request("/v1/ledger", { method: "POST", body: stream })), "413 too_large");
  assert.equal(await refused(await app.request("/v1/setup", { method: "POST", body: "{" })), "400 bad_input");
  assert.equal(await refused(await world.call(world.admin, "/v1/ledger", { body: { entrees: [] } })), "400 bad_input");
  assert.equal(await refused(await world.call(world.admin, "/v1/ledger?from=-1")), "400 bad_input");
});

Deno.test("request proofs: missing, foreign, replayed, skewed, for another path or body are refused", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const { app, admin, clock } = world;
  assert.equal(await refused(await app.request("/v1/ledger")), "401 unauthorized");
  const stranger = await newSigningKey();
  assert.equal(await refused(await world.call(stranger, "/v1/ledger")), "401 unauthorized");
  const jti = toBase64Url(random(16));
  await ok(await world.call(admin, "/v1/ledger", { jti }));
  assert.equal(await refused(await world.call(admin, "/v1/ledger", { jti })), "401 replayed");
  const other = world.through(newApp(twin(kv), { clock })); // another instance of the same store
  assert.equal(await refused(await other.call(admin, "/v1/ledger", { jti })), "401 replayed");
  for (const skew of [-301, 301]) {
    const response = await world.call(admin, "/v1/ledger", { iat: clock.seconds + skew });
    const text = await response.clone().text();
    assert.equal(await refused(response), "401 clock_skew");
    assert.match(text, /301 s/);
  }
  for (const skew of [-300, 300]) await ok(await world.call(admin, "/v1/ledger", { iat: clock.seconds + skew }));

  const prove = (o: { path?: string; net?: string; method?: string; body?: string }) =>
    makeRequestProof({
      key: admin,
      method: o.method ?? "GET",
      path: o.path ?? "/v1/ledger",
      net: o.net ?? world.net,
      body: utf8(o.body ?? ""),
      iat: clock.seconds,
      jti: toBase64Url(random(16)),
    });
  const get = async (proof: Promise<string>) =>
    await app.request("/v1/ledger", { headers: { [PROOF_HEADER]: await proof } });
  assert.equal(await refused(await get(prove({ path: "/v1/ledger?from=0" }))), "401 unauthorized");
  assert.equal(await refused(await get(prove({ method: "POST" }))), "401 unauthorized");
  assert.equal(await refused(await get(prove({ body: "x" }))), "401 unauthorized");
  assert.equal(await refused(await get(prove({ net: "a".repeat(32) }))), "409 wrong_network");
  assert.equal(await refused(await get(Promise.resolve("a.b.c"))), "401 unauthorized");
});

Deno.test("POST /v1/ledger appends what an admin signed, says when it has moved, and takes the same again", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const { ledger, admin, clock } = world;
  const sign = async () => {
    const body = { key: (await newSigningKey()).public, tags: [], prefixes: [], ephemeral: false, gate: false };
    return await signEntry({
      ledger,
      admin,
      kind: "grant",
      iat: clock.seconds,
      body: { ...body, expires: null, uses: null },
    });
  };
  const [first, second] = [await sign(), await sign()];
  const append = (entry: string, key = admin) => world.call(key, "/v1/ledger", { body: { entries: [entry] } });
  const answers = await Promise.all([append(first), append(second)]);
  const won = answers[0].status === 200 ? 0 : 1;
  assert.equal((await ok(answers[won]!)).seq, 2);
  assert.equal(await refused(answers[1 - won]!), "409 ledger_moved");
  assert.equal((await ok(await append([first, second][won]!))).seq, 2);
  await ledger.append([first, second][won]!);

  const grantKey = await world.grant();
  assert.equal(await refused(await append(await sign(), grantKey)), "403 forbidden");
  const forged = await signEntry({
    ledger,
    admin: await newSigningKey(),
    kind: "policy",
    iat: clock.seconds,
    body: { format: "toml", source: OPEN_POLICY },
  });
  assert.equal(await refused(await append(forged)), "400 bad_ledger");
  const bad = await signEntry({
    ledger,
    admin,
    kind: "policy",
    iat: clock.seconds,
    body: { format: "toml", source: "[[allow]]\nfrom = [1]\n" },
  });
  assert.equal(await refused(await append(bad)), "422 bad_policy");
  assert.equal((await ok(await world.call(grantKey, "/v1/ledger?from=2"))).entries.length, 2);
});

Deno.test("GET /v1/ledger pages through entries that are larger than a value of the store", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const padding = `# ${"x".repeat(500_000)}\n`;
  for (let i = 0; i < 3; i++) await world.append("policy", { format: "toml", source: padding + OPEN_POLICY });
  const fresh = world.through(newApp(kv, { clock: world.clock }));
  const entries: string[] = [];
  let pages = 0;
  for (; entries.length < 5; pages++) {
    entries.push(...(await ok(await fresh.call(world.admin, `/v1/ledger?from=${entries.length}`))).entries);
  }
  assert.deepEqual(entries, world.ledger.entries);
  assert.ok(pages >= 3, `${pages} pages`);
});

Deno.test("POST /v1/ledger refuses an entry from the future, which would keep all other admins from signing", async () => {
  using kv = await Deno.openKv(":memory:");
  const world = await World.make({ kv });
  const { ledger, admin, clock } = world;
  const body = { format: "toml" as const, source: OPEN_POLICY };
  const append = async (iat: number) => {
    const entry = await signEntry({ ledger, admin, kind: "policy", body, iat });
    return await world.call(admin, "/v1/ledger", { body: { entries: [entry] } });
  };
  assert.equal(await refused(await append(clock.seconds + 301)), "401 clock_skew");
  await ok(await append(clock.seconds + 300));

  using other = await Deno.openKv(":memory:");
  const app = newApp(other, { clock });
  const secret = toBase64Url((await app.newSetupSecret())!);
  const { entries } = await firstChain(admin, { policy: OPEN_POLICY, iat: clock.seconds + 301 });
  assert.equal(await refused(await app.request("/v1/setup", post({ secret, entries }))), "401 clock_skew");
});
