import assert from "node:assert/strict";
import { signingKeyFromSeed } from "../trust/keys.ts";
import { verifyRequestProof } from "../trust/proof.ts";
import { PROOF_HEADER, type SyncEvent } from "../wire/api.ts";
import { GhostError, toProblem } from "../wire/errors.ts";
import { MeshClient } from "./mesh_client.ts";
import { makeTestTls } from "./testing_tls.ts";

const NET = "a".repeat(32);
const HASH = "A".repeat(43);
const head = { seq: 1, hash: HASH };
const tls = await makeTestTls();
const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));

type Handler = (request: Request) => Response | Promise<Response>;

async function withServer(
  handler: Handler,
  run: (client: MeshClient, server: string) => Promise<void>,
  { secure = true } = {},
): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...(secure ? { cert: tls.cert, key: tls.key } : {}) },
    handler,
  );
  const address = `${secure ? "https" : "http"}://127.0.0.1:${server.addr.port}`;
  const client = makeClient(address, secure ? tls.ca : undefined);
  try {
    await run(client, address);
  } finally {
    client.close();
    await server.shutdown();
  }
}

function clientOptions(server: string, ca?: string) {
  const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
  return { server, ca, net: NET, key, now: () => Date.now(), random };
}

function makeClient(server: string, ca?: string): MeshClient {
  return new MeshClient(clientOptions(server, ca));
}

const rejectsWith = (promise: Promise<unknown>, code: string, text = /./) =>
  assert.rejects(promise, (e: GhostError) => {
    assert.equal(e.code, code, e.line);
    assert.match(e.line, text);
    return true;
  });

Deno.test("MeshClient sends a proof over method, path, network and body", async () => {
  const seen: string[] = [];
  await withServer(async (request) => {
    const url = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    const proof = await verifyRequestProof(request.headers.get(PROOF_HEADER)!, {
      method: request.method,
      path: url.pathname + url.search,
      net: NET,
      body,
      now: Math.floor(Date.now() / 1000),
    });
    assert.equal(proof.key, key.public);
    seen.push(`${request.method} ${url.pathname}${url.search} ${new TextDecoder().decode(body)}`);
    return Response.json(request.method === "GET" ? { entries: ["a.b.c"], head } : head);
  }, async (client) => {
    assert.deepEqual(await client.ledger(3), { entries: ["a.b.c"], head });
    assert.deepEqual(await client.append(["a.b.c"]), head);
  });
  assert.deepEqual(seen, ["GET /v1/ledger?from=3 ", 'POST /v1/ledger {"entries":["a.b.c"]}']);
});

Deno.test("MeshClient turns problems into the error that they tell of", async () => {
  await withServer(() => {
    const problem = toProblem(new GhostError("ledger_moved", "Somebody was faster", { mend: "try again" }));
    return Response.json(problem, { status: problem.status });
  }, (client) => rejectsWith(client.append(["a.b.c"]), "ledger_moved", /^Somebody was faster; try again$/));
  await withServer(
    () => new Response("<html>Bad gateway</html>", { status: 502 }),
    (client) => rejectsWith(client.nodes(), "unreachable", /502/),
  );
  await withServer(
    () => new Response("{", { status: 200 }),
    (client) => rejectsWith(client.nodes(), "unreachable", /JSON/),
  );
  await withServer(
    () => Response.json({ records: [1] }),
    (client) => rejectsWith(client.nodes(), "bad_input", /records/),
  );
});

Deno.test("MeshClient.mail() is given up when told, and a network that moved takes the kept connections along", async () => {
  const asked: { from: number; body: unknown }[] = [];
  const hangs = Promise.withResolvers<void>();
  const released = Promise.withResolvers<Response>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, cert: tls.cert, key: tls.key },
    async (request, { remoteAddr }) => {
      const mail = request.method === "POST";
      asked.push({ from: (remoteAddr as Deno.NetAddr).port, body: mail ? await request.json() : null });
      if (!mail) return Response.json({ records: [] });
      hangs.resolve();
      return await released.promise;
    },
  );
  using client = makeClient(`127.0.0.1:${server.addr.port}`, tls.ca);
  await client.nodes();
  await client.nodes();
  client.networkMoved();
  await client.nodes();
  const [first, second, third] = asked.map(({ from }) => from);
  assert.equal(first, second, "one connection");
  assert.notEqual(second, third, "another network");
  const stop = new AbortController();
  const mail = client.mail("bob", ["1", "2"], { signal: stop.signal });
  await hangs.promise;
  assert.deepEqual(asked[3]!.body, { to: "bob", box: ["1", "2"] });
  stop.abort(new Error("enough"));
  await rejectsWith(mail, "unreachable", /enough/);
  released.resolve(Response.json({}));
  client.close();
  await server.shutdown();
});

Deno.test("MeshClient.draft() is null when there is none", async () => {
  await withServer(() => {
    const problem = toProblem(new GhostError("not_found", "No draft"));
    return Response.json(problem, { status: problem.status });
  }, async (client) => assert.equal(await client.draft(), null));
  await withServer((request) => {
    assert.equal(request.headers.get("authorization"), "Setup AQID");
    return Response.json({ source: "", sha256: HASH });
  }, async (client) => assert.equal((await client.draft({ setup: new Uint8Array([1, 2, 3]) }))?.sha256, HASH));
});

Deno.test("MeshClient refuses a server with another CA or another name", async () => {
  await withServer(() => Response.json({ records: [] }), async (client, address) => {
    assert.deepEqual(await client.nodes(), []);
    using foreign = makeClient(address, (await makeTestTls()).ca);
    await rejectsWith(foreign.nodes(), "unreachable", new RegExp(`^${address}: .*certificate`));
    using unpinned = makeClient(address);
    await rejectsWith(unpinned.nodes(), "unreachable");
  });
  const other = await makeTestTls("elsewhere.internal");
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, cert: other.cert, key: other.key },
    () => Response.json({ records: [] }),
  );
  using client = makeClient(`https://127.0.0.1:${server.addr.port}`, other.ca);
  await rejectsWith(client.nodes(), "unreachable", /certificate/);
});

Deno.test("MeshClient names a server that is not there, and gives up when told", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `https://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  using client = makeClient(address, tls.ca);
  const accepted = listener.accept();
  await rejectsWith(client.info({ signal: AbortSignal.timeout(50) }), "unreachable", new RegExp(`^${address}: `));
  (await accepted).close();
  listener.close();
  await rejectsWith(client.info(), "unreachable", /connection refused/);
  assert.throws(() => makeClient("http://127.0.0.1:1", tls.ca), /needs https/);
});

Deno.test("MeshClient does not notice that a server restarted between two requests", async () => {
  const handler = () => Response.json({ records: [] });
  const serve = (port: number) =>
    Deno.serve({ hostname: "127.0.0.1", port, onListen() {}, cert: tls.cert, key: tls.key }, handler);
  let server = serve(0);
  const { port } = server.addr;
  using client = makeClient(`127.0.0.1:${port}`, tls.ca);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await client.nodes(), []);
    await server.shutdown();
    server = serve(port);
  }
  assert.deepEqual(await client.nodes(), []);
  client.close();
  await server.shutdown();
});

Deno.test("MeshClient says when the other side speaks something else", async () => {
  await withServer(() => new Response("x"), async (_, address) => {
    using plain = makeClient(address.replace("https:", "http:"));
    await rejectsWith(plain.info(), "unreachable", /does not speak http;/);
  });
  await withServer(() => new Response("x"), async (_, address) => {
    using secure = makeClient(address.replace("http:", "https:"), tls.ca);
    await rejectsWith(secure.info(), "unreachable", /does not speak https;/);
  }, { secure: false });
});

/** A stream of server-sent events that the test writes, and whether its reader has gone. */
function eventStream(): { response: () => Response; send(text: string): void; end(): void; gone: Promise<void> } {
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (c) => void (controller = c),
    cancel: () => resolve(),
  });
  return {
    response: () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
    send: (text) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
    gone,
  };
}

for (const secure of [true, false]) {
  Deno.test(`MeshClient.sync() gives events with their cursor, and closes the socket on abort (${secure ? "TLS" : "plain"})`, async () => {
    const stream = eventStream();
    let asked: string[] = [];
    await withServer((request) => {
      asked = [request.headers.get("last-event-id") ?? "", new URL(request.url).search];
      return stream.response();
    }, async (client) => {
      const abort = new AbortController();
      const got: { id: string; event: SyncEvent }[] = [];
      stream.send(
        ': hello\n\nid: 5\nevent: ledger\ndata: {"entry":"a.b.c"}\n\nid: 6\nevent: of-the-future\ndata: {}\n\nid: 7\nevent: sy',
      );
      for await (const item of client.sync({ cursor: "4", ledgerFrom: 2, signal: abort.signal })) {
        got.push(item);
        if (got.length === 1) stream.send(`nced\ndata: ${JSON.stringify({ head, snapshot: true })}\n\n`);
        if (got.length === 2) setTimeout(() => abort.abort(), 0); // while the client waits for more
      }
      await stream.gone;
      assert.deepEqual(got.map((g) => [g.id, g.event.type]), [["5", "ledger"], ["7", "synced"]]);
      assert.deepEqual(asked, ["4", "?ledger=2"]);
    }, { secure });
  });
}

Deno.test("MeshClient.sync() closes the socket when its reader stops", async () => {
  const stream = eventStream();
  await withServer(() => stream.response(), async (client) => {
    stream.send('id: 5\nevent: ledger\ndata: {"entry":"a.b.c"}\n\n');
    for await (const _ of client.sync({ ledgerFrom: 0, signal: new AbortController().signal })) break;
    await stream.gone;
  });
});

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

Deno.test("MeshClient.sync() throws when the stream ends, falls silent, is refused or holds nonsense", async () => {
  const signal = new AbortController().signal;
  const ended = eventStream();
  await withServer(() => ended.response(), async (client) => {
    ended.end();
    await rejectsWith(drain(client.sync({ ledgerFrom: 0, signal })), "unreachable", /stream ended/);
  });
  const silent = eventStream();
  await withServer(() => silent.response(), async (client) => {
    silent.send(": hello\n\n");
    await rejectsWith(drain(client.sync({ ledgerFrom: 0, signal, idle: 60 })), "unreachable", /nothing came/);
    await silent.gone;
  });
  await withServer(() => {
    const problem = toProblem(new GhostError("revoked", "This node was revoked"));
    return Response.json(problem, { status: problem.status });
  }, (client) => rejectsWith(drain(client.sync({ ledgerFrom: 0, signal })), "revoked"));
  const nonsense = eventStream();
  await withServer(() => nonsense.response(), async (client) => {
    nonsense.send("id: 1\nevent: ledger\ndata: {}\n\n");
    await rejectsWith(drain(client.sync({ ledgerFrom: 0, signal })), "bad_input", /entry/);
  });
});

Deno.test("MeshClient.sync() throws when the server goes away", async () => {
  const stream = eventStream();
  const abort = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, cert: tls.cert, key: tls.key, signal: abort.signal },
    () => stream.response(),
  );
  using client = makeClient(`127.0.0.1:${server.addr.port}`, tls.ca);
  stream.send('id: 5\nevent: ledger\ndata: {"entry":"a.b.c"}\n\n');
  const events = client.sync({ ledgerFrom: 0, signal: new AbortController().signal });
  assert.equal((await events.next()).value?.id, "5");
  abort.abort();
  await rejectsWith(events.next(), "unreachable");
  await server.finished;
});

Deno.test("MeshClient posts over a connection that it has just used, and shares it with whoever goes on with it", async () => {
  const ports: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ method }, { remoteAddr }) => {
    ports.push(remoteAddr.port);
    return Response.json(method === "POST" ? head : { entries: [], head });
  });
  const at = `http://127.0.0.1:${server.addr.port}`;
  const client = makeClient(at);
  const next = new MeshClient({ ...clientOptions(at), connection: client.connection });
  const other = new MeshClient({
    ...clientOptions(`${at.replace("127.0.0.1", "localhost")}`),
    connection: client.connection,
  });
  await client.append([]);
  await client.ledger(0);
  await next.append([]);
  await next.ledger(0);
  assert.deepEqual(ports, ports.map(() => ports[0]));
  await new Promise((resolve) => setTimeout(resolve, 1_050)); // one that has rested for a second may be about to be closed
  await next.append([]);
  await next.append([]);
  assert.notEqual(ports[4], ports[0], "a post takes a new one then");
  assert.equal(ports[5], ports[4], "which is kept");
  assert.notEqual(other.connection, client.connection, "they lead elsewhere");
  for (const each of [next, other]) each.close();
  await server.shutdown();
});
