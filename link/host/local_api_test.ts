import assert from "node:assert/strict";
import { GhostError } from "../../mesh/wire/errors.ts";
import { defaultSocket, localApp, type LocalHandlers, readApp, serveLocal } from "./local_api.ts";
import { random } from "./random.ts";

const handlers: LocalHandlers = {
  login: () => Promise.resolve(),
  exit: () => Promise.reject(new GhostError("internal", "Not asked for here")),
  status: () => Promise.reject(new GhostError("internal", "Not asked for here")),
  peers: () => Promise.resolve([]),
  ping: ({ peer, count }) =>
    Promise.resolve({
      name: peer,
      address: "100.64.0.1",
      replies: Array(count).fill({ seq: 1, rttMs: 1, rung: "quic", endpoint: "gate1", why: "checks are under way" }),
    }),
  join: () => Promise.reject(new GhostError("wrong_network", "Another network")),
  netcheck: () => Promise.reject(new GhostError("internal", "Not asked for here")),
  path: (peer) => Promise.reject(new GhostError("not_found", `No peer "${peer}"`)),
  rotate: () => Promise.resolve({ wg: "k", acknowledged: 0, peers: 0 }),
  routes: () => Promise.resolve({ routes: [] }),
  advertise: () => Promise.resolve({ changed: false, routes: [], approved: false }),
  firewall: () => Promise.reject(new GhostError("internal", "Not asked for here")),
  firewallFlows: () => Promise.resolve({ flows: null }),
  dns: () => Promise.reject(new GhostError("internal", "Not asked for here")),
  ledger: (from) => Promise.resolve({ entries: [], head: { seq: from, hash: "A".repeat(43) } }),
  fork: () => Promise.resolve({ fork: null }),
  entries: (entries) => Promise.resolve({ added: entries.length, head: { seq: 0, hash: "A".repeat(43) } }),
};
const app = localApp(handlers, "s3cret");
const good = { authorization: "Bearer s3cret" };
const url = (path: string) => `http://ghostlink${path}`;

Deno.test("localApp hands the peer of a path on, and refuses a request without one", async () => {
  const ask = (body: unknown) =>
    app.request(url("/v1/debug/path"), { method: "POST", headers: good, body: JSON.stringify(body) });
  const unknown = await ask({ peer: "bob" });
  assert.equal(unknown.status, 404);
  assert.match(await unknown.text(), /No peer \\"bob\\"/);
  assert.equal((await ask({})).status, 400);
});

Deno.test("localApp answers who has the secret and nobody else", async () => {
  assert.equal((await app.request(url("/v1/peers"), { headers: good })).status, 200);
  for (const authorization of ["", "Bearer", "Bearer s3cre", "Bearer s3cret2", "bearer s3cret", "Basic s3cret"]) {
    assert.equal((await app.request(url("/v1/peers"), { headers: { authorization } })).status, 401, authorization);
  }
  assert.equal((await app.request(url("/v1/peers"))).status, 401);
});

Deno.test("localApp refuses what a web page could send", async () => {
  const origin = { ...good, origin: "https://evil.example" };
  assert.equal((await app.request(url("/v1/keys/rotate"), { method: "POST", headers: origin })).status, 403);
  assert.equal((await app.request("http://127.0.0.1/v1/peers", { headers: good })).status, 403);
  assert.equal((await app.request("http://ghostlink.evil.example/v1/peers", { headers: good })).status, 403);
});

Deno.test("localApp tells errors as problems with their place", async () => {
  const ask = (path: string, body: string) => app.request(url(path), { method: "POST", headers: good, body });
  const missing = await app.request(url("/v1/nothing"), { headers: good });
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("content-type"), "application/problem+json");
  assert.equal((await ask("/v1/ping", "{")).status, 400);
  const bad = await (await ask("/v1/ping", '{"peer":"bob","count":0}')).json();
  assert.equal(bad.code, "bad_input");
  assert.equal(bad.place, "request.count");
  assert.equal((await ask("/v1/ping", `{"peer":"${"x".repeat(70_000)}"}`)).status, 413);
  assert.equal((await (await ask("/v1/join", '{"auth":"t"}')).json()).code, "wrong_network");
  assert.equal((await (await ask("/v1/ping", '{"peer":"bob","count":2}')).json()).replies.length, 2);
});

Deno.test("serveLocal serves on a private socket, replaces a stale one, refuses a live one, and leaves nothing", async () => {
  const base = await Deno.makeTempDir();
  const socket = `${base}/run/ghostlink.sock`;
  try {
    const first = await serveLocal({ socket, handlers, random });
    const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
    assert.equal(mode(`${base}/run`), 0o711);
    assert.equal(mode(`${base}/run/read.sock`), 0o666);
    assert.equal(mode(socket), 0o600);
    assert.equal(mode(`${base}/run/token`), 0o600);
    const secret = await Deno.readTextFile(`${base}/run/token`);
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    const answer = await fetch(url("/v1/peers"), { client, headers: { authorization: `Bearer ${secret}` } });
    assert.deepEqual(await answer.json(), { peers: [] });
    await assert.rejects(serveLocal({ socket, handlers, random }), { code: "port_in_use" });
    await first.close();
    assert.deepEqual([...Deno.readDirSync(`${base}/run`)], []);
    // A crashed daemon's socket: there, but nobody listens.
    Deno.listen({ transport: "unix", path: socket }).close();
    await (await serveLocal({ socket, handlers, random })).close();
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("serveLocal does not share a folder that others may look into", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.chmod(dir, 0o755);
    await assert.rejects(serveLocal({ socket: `${dir}/s.sock`, handlers, random }), { code: "bad_config" });
    assert.equal(Deno.statSync(dir).mode! & 0o777, 0o755, "somebody else's folder is left as it is");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("defaultSocket follows the environment, then the user", () => {
  assert.equal(
    defaultSocket({ os: "linux", uid: 0, env: (n) => n === "GHOSTLINK_SOCKET" ? "/a/b" : undefined }),
    "/a/b",
  );
  assert.equal(defaultSocket({ os: "linux", uid: 0, env: () => undefined }), "/run/ghostlink/ghostlink.sock");
  assert.equal(
    defaultSocket({ os: "linux", uid: 1, env: (n) => n === "XDG_RUNTIME_DIR" ? "/run/user/1" : undefined }),
    "/run/user/1/ghostlink/ghostlink.sock",
  );
  assert.throws(() => defaultSocket({ os: "linux", uid: 1, env: () => undefined }), { code: "bad_config" });
});

Deno.test("serveLocal stops though a request goes on and on", async () => {
  const base = await Deno.makeTempDir();
  const socket = `${base}/run/ghostlink.sock`;
  const asked = Promise.withResolvers<void>();
  const never: LocalHandlers = {
    ...handlers,
    peers: () => {
      asked.resolve();
      return new Promise(() => {});
    },
  };
  try {
    const server = await serveLocal({ socket, handlers: never, random });
    const secret = await Deno.readTextFile(`${base}/run/token`);
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    const answer = fetch(url("/v1/peers"), { client, headers: { authorization: `Bearer ${secret}` } });
    await asked.promise;
    await server.close();
    assert.equal((await answer).status, 503);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("serveLocal removes nothing that it refuses for", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/notes`, "mine");
    await assert.rejects(serveLocal({ socket: `${dir}/notes`, handlers, random }), { code: "bad_config" });
    await Deno.chmod(dir, 0o755);
    await assert.rejects(serveLocal({ socket: `${dir}/notes`, handlers, random }), { code: "bad_config" });
    assert.deepEqual([...Deno.readDirSync(dir)].map((e) => e.name), ["notes"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("localApp takes ledger entries of any size that an entry can have, and nothing else", async () => {
  const send = (body: unknown) =>
    app.request(url("/v1/ledger"), { method: "POST", headers: good, body: JSON.stringify(body) });
  const taken = await send({ entries: [`a.${"b".repeat(900_000)}.c`] });
  assert.deepEqual([taken.status, (await taken.json()).added], [200, 1]);
  for (const body of [{}, { entries: [] }, { entries: ["no jws"] }, { entries: Array(65).fill("a.b.c") }]) {
    assert.equal((await send(body)).status, 400);
  }
  assert.equal((await (await app.request(url("/v1/ledger?from=7"), { headers: good })).json()).head.seq, 7);
  assert.equal((await app.request(url("/v1/ledger?from=x"), { headers: good })).status, 400);
  assert.equal((await (await app.request(url("/v1/ledger/fork"), { headers: good })).json()).fork, null);
});

Deno.test("readApp tells status and peers to anybody, asks for them once a second at most, and takes nothing else", async () => {
  let asked = 0;
  let now = 0;
  const counted = { ...handlers, peers: () => Promise.resolve((asked++, [])) };
  const read = readApp(counted, () => now);
  for (let i = 0; i < 50; i++) assert.equal((await read.request(url("/v1/peers"))).status, 200);
  assert.equal(asked, 1);
  now = 1000;
  await read.request(url("/v1/peers"));
  assert.equal(asked, 2);
  for (const path of ["/v1/ping", "/v1/keys/rotate", "/v1/down", "/v1/peers"]) {
    assert.equal((await read.request(url(path), { method: "POST", headers: good })).status, 404, path);
  }
  for (const path of ["/v1/ledger", "/v1/routes", "/v1/logs", "/v1/events", "/v1/settings"]) {
    assert.equal((await read.request(url(path), { headers: good })).status, 404, path);
  }
  assert.equal((await read.request(url("/v1/peers"), { headers: { origin: "https://evil.example" } })).status, 403);
});
