/**
 * HTTPS that asks for the client's certificate. `Deno.serve` cannot, so this is node:https with a thin bridge to the same fetch
 * handler. An open event stream costs as much (74 KiB here, 80 KiB there, TLS included), but it serves HTTP/1.1 alone, so it
 * listens only where `auth_method` has "mtls".
 *
 * TLS proves here that the client holds a certificate's key, and nothing else: whether the certificate is any good is decided by
 * the signed policy (mesh/trust/admission/x509.ts), not by what TLS calls `authorized`, so no list of CAs has to be kept here.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { Ending } from "../host/ending.ts";
import type { Bytes } from "../wire/encoding.ts";

/** Milliseconds for the handshake and for a request's headers, and for all of the request. */
const HEADERS_TIMEOUT = 20_000;
const REQUEST_TIMEOUT = 60_000;
/** Milliseconds that an idle connection is kept; longer than clients keep theirs. */
const KEEP_ALIVE = 65_000;

/** What the connection says of who is at its other end. */
export interface Connection {
  /** The other end's address: a client, or the proxy in front. */
  address: string;
  /** Its certificate (DER), null when it showed none, undefined where none was asked for. */
  certificate: Bytes | null | undefined;
}

export type Handler = (request: Request, connection: Connection) => Promise<Response>;

/** A server that listens. */
export interface Listening {
  port: number;
  /** Ends it after what is under way, which `force` cuts. */
  shutdown(): Promise<void>;
}

export interface HttpsOptions {
  hostname: string;
  port: number;
  cert: string;
  key: string;
  handler: Handler;
  /** Cuts what is under way. */
  force: AbortSignal;
  log: (error: unknown) => void;
}

/** Listens. @throws Error with node's codes (`EADDRINUSE`, ...), or for a certificate and key that are none */
export async function listenHttps(o: HttpsOptions): Promise<Listening> {
  const server = createServer({
    cert: o.cert,
    key: o.key,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HEADERS_TIMEOUT,
  });
  server.headersTimeout = HEADERS_TIMEOUT;
  server.requestTimeout = REQUEST_TIMEOUT;
  server.keepAliveTimeout = KEEP_ALIVE;
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    serve(incoming, outgoing, o.handler).catch((error) => {
      o.log(error);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: o.hostname, port: o.port }, resolve);
  await promise;
  server.off("error", reject);
  server.on("error", o.log);
  o.force.addEventListener("abort", () => server.closeAllConnections(), { once: true });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : o.port,
    shutdown: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeIdleConnections();
      }),
  };
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, handler: Handler): Promise<void> {
  const request = toRequest(incoming);
  if (request === null) return void outgoing.writeHead(400).end();
  const socket = incoming.socket as TLSSocket;
  const { raw } = socket.getPeerCertificate() as Partial<DetailedPeerCertificate>;
  const response = await handler(request, {
    address: socket.remoteAddress ?? "",
    certificate: raw === undefined ? null : new Uint8Array(raw),
  });
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    return void outgoing.end();
  }
  await pump(response.body, outgoing);
}

function toRequest(incoming: IncomingMessage): Request | null {
  const headers = new Headers();
  const { method = "GET", rawHeaders } = incoming;
  try {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
    const url = new URL(incoming.url ?? "/", `https://${headers.get("host") ?? "localhost"}`);
    const bare = method === "GET" || method === "HEAD";
    return new Request(url, { method, headers, ...(bare ? {} : { body: bodyOf(incoming), duplex: "half" }) });
  } catch {
    return null; // a method, header or URL that fetch does not know
  }
}

/** Read as it is asked for, so that nothing piles up here. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void incoming.destroy(),
  }, { highWaterMark: 0 });
}

/** Hands chunks over as fast as the client takes them, and lets go of the body as soon as the client is gone. */
async function pump(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const gone = new Ending(); // a stream lasts for months, and each of its chunks waits for this
  outgoing.once("close", () => gone.end());
  outgoing.on("error", () => gone.end());
  outgoing.flushHeaders();
  try {
    while (true) {
      const chunk = await gone.before(reader.read());
      if (chunk === null) return;
      if (chunk.done) return void outgoing.end();
      if (outgoing.write(chunk.value)) continue;
      const drained = new Promise<true>((resolve) => outgoing.once("drain", () => resolve(true)));
      if (await gone.before(drained) === null) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
