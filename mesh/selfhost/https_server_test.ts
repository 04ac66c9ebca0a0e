import assert from "node:assert/strict";
import { collect } from "../host/testing_memory.ts";
import { type Agent, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Issued, OpenSsl } from "../trust/testdata/openssl.ts";
import { makeTestTls } from "../client/testing_tls.ts";
import { MESH_TLS_NAME } from "../wire/api.ts";
import { type Handler, listenHttps } from "./https_server.ts";

const tls = await makeTestTls();

interface Ask {
  port: number;
  path?: string;
  method?: string;
  body?: Uint8Array;
  client?: Pick<Issued, "cert" | "key">;
  headers?: Record<string, string>;
  agent?: Agent;
}

function ask({ port, client, body, headers = {}, agent, ...rest }: Ask): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const outgoing = request({
    host: "127.0.0.1",
    port,
    servername: MESH_TLS_NAME,
    ca: tls.ca,
    agent: agent ?? false,
    headers: { ...headers, ...(body ? { "content-length": String(body.length) } : {}) },
    ...rest,
    ...(client ? { cert: client.cert, key: client.key } : {}),
  }, async (response) => {
    let text = "";
    for await (const chunk of response) text += chunk;
    resolve({ status: response.statusCode ?? 0, text });
  });
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}

async function withServer(handler: Handler, run: (port: number) => Promise<void>): Promise<void> {
  const force = new AbortController();
  const faults: unknown[] = [];
  const server = await listenHttps({
    hostname: "127.0.0.1",
    port: 0,
    ...tls,
    handler,
    force: force.signal,
    log: (error) => faults.push(error),
  });
  try {
    await run(server.port);
    assert.deepEqual(faults, []);
  } finally {
    const down = server.shutdown();
    force.abort();
    await down;
  }
}

async function withClients(run: (good: Issued, foreign: Issued, ca: string) => Promise<void>): Promise<void> {
  const ssl = await OpenSsl.open(Math.floor(Date.now() / 1000));
  try {
    const ca = await ssl.root();
    // The same names everywhere: only the keys tell the two CAs apart.
    const foreign = await (await ssl.root()).issue();
    await run(await ca.issue(), foreign, ca.cert);
  } finally {
    await ssl.close();
  }
}

Deno.test("this Deno asks for client certificates, and `authorized` says what they are worth", async () => {
  await withClients(async (good, foreign, ca) => {
    const server = createServer(
      { ...tls, ca: [ca], requestCert: true, rejectUnauthorized: false },
      (incoming, answer) => {
        const { authorized } = incoming.socket as TLSSocket;
        const shown = (incoming.socket as TLSSocket).getPeerCertificate().raw !== undefined;
        answer.end(JSON.stringify({ authorized, shown }));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const seen = async (client?: Issued) => JSON.parse((await ask({ port, ...(client ? { client } : {}) })).text);
    try {
      assert.deepEqual(await seen(), { authorized: false, shown: false });
      assert.deepEqual(await seen(foreign), { authorized: false, shown: true });
      assert.deepEqual(await seen(good), { authorized: true, shown: true });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

Deno.test("listenHttps() tells the certificate that each client showed, and serves those without one", async () => {
  const handler: Handler = async (incoming, { certificate, address }) => {
    const raw = certificate ? new TextDecoder().decode(certificate).includes("ann") : certificate;
    const body = await incoming.text();
    return Response.json({ raw, address, url: incoming.url, method: incoming.method, size: body.length }, {
      headers: { "x-a": "1" },
    });
  };
  await withClients(async (good, foreign) => {
    await withServer(handler, async (port) => {
      const url = `https://mesh.example:1/a%2fb?x=1`;
      const headers = { host: "mesh.example:1" };
      const told = async (o: Partial<Ask>) => JSON.parse((await ask({ port, path: "/a%2fb?x=1", headers, ...o })).text);
      const base = { address: "127.0.0.1", url, method: "GET", size: 0 };
      assert.deepEqual(await told({}), { ...base, raw: null });
      for (const client of [good, foreign]) assert.deepEqual(await told({ client }), { ...base, raw: true });
      const body = new Uint8Array(700_000).fill(65);
      assert.deepEqual(await told({ method: "POST", body, client: good }), {
        ...base,
        method: "POST",
        size: 700_000,
        raw: true,
      });
      assert.deepEqual(await ask({ port, method: "HEAD" }), { status: 200, text: "" });
      assert.equal((await ask({ port, headers: { host: "not a host" } })).status, 400);
      // A certificate of one connection is nobody's on the next.
      assert.deepEqual(await told({}), { ...base, raw: null });
    });
  });
});

Deno.test("listenHttps() stops reading a stream that nobody takes, and lets go of it when the client is gone", async () => {
  let pulled = 0;
  const cancelled = Promise.withResolvers<void>();
  const handler: Handler = () =>
    Promise.resolve(
      new Response(
        new ReadableStream({
          pull: (controller) => {
            pulled++;
            controller.enqueue(new Uint8Array(65_536));
          },
          cancel: () => cancelled.resolve(),
        }, { highWaterMark: 0 }),
      ),
    );
  await withServer(handler, async (port) => {
    // Not by node's client, which reads ahead without end.
    const stalled = await Deno.connectTls({
      hostname: "127.0.0.1",
      port,
      caCerts: [tls.ca],
      unsafelyDisableHostnameVerification: true,
    });
    await stalled.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    let before = -1;
    while (pulled === 0 || pulled !== before) {
      before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(pulled < 1000, `${pulled} chunks of 64 KiB wait for a reader that takes none`);
    stalled.close();
    await cancelled.promise;
  });
});

/** A client that reads a stream which goes on, and the stream's other end. */
async function withStream(
  use: (o: { reader: Deno.TlsConn; controller: ReadableStreamDefaultController<Uint8Array> }) => Promise<void>,
): Promise<void> {
  const events = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const handler: Handler = () =>
    Promise.resolve(new Response(new ReadableStream({ start: (controller) => events.resolve(controller) })));
  await withServer(handler, async (port) => {
    const reader = await Deno.connectTls({
      hostname: "127.0.0.1",
      port,
      caCerts: [tls.ca],
      unsafelyDisableHostnameVerification: true,
    });
    await reader.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    await use({ reader, controller: await events.promise });
  });
}

Deno.test("listenHttps() keeps nothing of what a stream has handed over", async () => {
  await withStream(async ({ reader, controller }) => {
    const decoder = new TextDecoder();
    const handed: WeakRef<Uint8Array>[] = [];
    for (let n = 0; n < 50; n++) {
      const chunk = new TextEncoder().encode(`event ${n}.`);
      handed.push(new WeakRef(chunk));
      controller.enqueue(chunk);
      const buffer = new Uint8Array(4096);
      for (let text = ""; !text.includes(`event ${n}.`);) {
        text += decoder.decode(buffer.subarray(0, await reader.read(buffer) ?? 0));
      }
    }
    await collect();
    const kept = handed.filter((chunk) => chunk.deref() !== undefined).length;
    assert.ok(kept < 5, `${kept} of 50 chunks are still in memory while the stream goes on`);
    reader.close();
  });
});

Deno.test("listenHttps() passes events on at once, and answers nobody twice when a handler fails", async () => {
  await withStream(async ({ reader, controller }) => {
    const decoder = new TextDecoder();
    let text = "";
    for (const event of ["one", "two"]) {
      controller.enqueue(new TextEncoder().encode(`data: ${event}\n\n`));
      const buffer = new Uint8Array(4096);
      while (!text.includes(event)) text += decoder.decode(buffer.subarray(0, await reader.read(buffer) ?? 0));
    }
    reader.close();
  });
  await assert.rejects(
    withServer(() => Promise.reject(new Error("broken")), async (port) => {
      assert.deepEqual(await ask({ port }), { status: 500, text: "" });
    }),
    /broken/,
  );
});
