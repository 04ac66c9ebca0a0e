/**
 * The way to a TURN server: datagrams over UDP, or messages in a stream over TCP or TLS. A gate's TLS certificate is known by
 * the hash in its signed record; another server's is checked by the system's authorities and its name.
 */
import { connect as connectTls, type TLSSocket } from "node:tls";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { toBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { TurnStream } from "../core/turn/mod.ts";

/** Where and how. */
export interface TurnServer {
  transport: "udp" | "tcp" | "tls";
  host: string;
  port: number;
  /** SHA-256 of the certificate's DER, base64url; without it, the system's authorities decide. */
  cert?: string;
}

/** Bytes that may wait for the stream; a packet that does not fit is lost, as on any full link. */
const MAX_WAITING = 1 << 20;

/** How long the last words over TLS may take, in ms. */
const LINGER = 1_000;

/** A way that is open. */
export interface TurnPipe {
  /** One message; what does not fit now is lost. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** What comes back. `closed` comes once, unless this side closed. */
export interface PipeEvents {
  message(bytes: Uint8Array): void;
  closed(reason: string): void;
}

/**
 * Opens the way.
 * @throws GhostError `unreachable`, or `unauthorized` when the server shows another certificate
 */
export async function openTurnPipe(
  server: TurnServer,
  events: PipeEvents,
  { timeout = 5_000 }: { timeout?: number } = {},
): Promise<TurnPipe> {
  const place = `turn ${server.host} ${server.transport} ${server.port}`;
  try {
    if (server.transport === "udp") return openUdp(server, events);
    if (server.transport === "tls") return await openTls(server, events, { timeout, place });
    const connection = await Deno.connect({
      hostname: server.host,
      port: server.port,
      signal: AbortSignal.timeout(timeout),
    });
    connection.setNoDelay();
    return openTcp(connection, events);
  } catch (cause) {
    if (cause instanceof GhostError) throw cause;
    throw new GhostError("unreachable", "Cannot reach the TURN server", { place, cause });
  }
}

function openUdp(server: TurnServer, events: PipeEvents): TurnPipe {
  const v6 = server.host.includes(":");
  const socket = Deno.listenDatagram({ transport: "udp", hostname: v6 ? "::" : "0.0.0.0", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: server.host, port: server.port };
  let closed = false;
  void readDatagrams(socket, (bytes, from) => {
    if (closed || from.port !== server.port || from.hostname !== server.host) return;
    try {
      events.message(bytes);
    } catch {
      // What is no TURN is as good as lost.
    }
  });
  let last: Promise<unknown> = Promise.resolve();
  return {
    send: (bytes) => void (last = socket.send(bytes, to).catch(() => {})),
    close: () => {
      if (closed) return;
      closed = true;
      void last.then(() => socket.close()); // what gives the allocation back goes first
    },
  };
}

/** Cuts what comes into messages. @returns false when it is no TURN */
function cutter(events: PipeEvents): (chunk: Uint8Array) => boolean {
  const stream = new TurnStream();
  return (chunk) => {
    try {
      for (const message of stream.push(chunk)) events.message(message);
      return true;
    } catch (error) {
      if (error instanceof GhostError) return false;
      throw error;
    }
  };
}

function openTcp(connection: Deno.TcpConn, events: PipeEvents): TurnPipe {
  let closed = false;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  const end = (reason: string | null) => {
    if (closed) return;
    closed = true;
    connection.close();
    if (reason !== null) events.closed(reason);
  };
  const take = cutter(events);
  void (async () => {
    const buffer = new Uint8Array(65_536);
    try {
      while (!closed) {
        const n = await connection.read(buffer);
        if (n === null) return end("the server closed the connection");
        if (!take(buffer.subarray(0, n))) return end("what comes is no TURN");
      }
    } catch (error) {
      end(String(error instanceof Error ? error.message : error));
    }
  })();
  return {
    send: (bytes) => {
      if (closed || waiting + bytes.length > MAX_WAITING) return;
      waiting += bytes.length;
      last = last.then(async () => {
        for (let at = 0; at < bytes.length && !closed;) at += await connection.write(bytes.subarray(at));
        waiting -= bytes.length;
      }).catch((error) => end(String(error?.message ?? error)));
    },
    close: () => end(null),
  };
}

/** By node:tls, because it can show the certificate that it got, which Deno's own TLS cannot. */
function openTls(
  server: TurnServer,
  events: PipeEvents,
  { timeout, place }: { timeout: number; place: string },
): Promise<TurnPipe> {
  const { promise, resolve, reject } = Promise.withResolvers<TurnPipe>();
  const pinned = server.cert !== undefined;
  const socket: TLSSocket = connectTls({
    host: server.host,
    port: server.port,
    servername: pinned ? "ghostgate" : server.host,
    rejectUnauthorized: !pinned,
  });
  let closed = false;
  let open = false;
  const timer = setTimeout(() => end("no answer"), timeout);
  const end = (reason: string) => {
    if (closed) return;
    closed = true;
    clearTimeout(timer);
    socket.destroy();
    if (open) events.closed(reason);
    else reject(new GhostError("unreachable", `Cannot reach the TURN server (${reason})`, { place }));
  };
  const take = cutter(events);
  socket.setNoDelay(true);
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => end("the server closed the connection"));
  socket.on("data", (chunk: Uint8Array) => {
    if (open && !take(new Uint8Array(chunk))) end("what comes is no TURN");
  });
  socket.once("secureConnect", async () => {
    if (closed) return; // it was given up, and tells nothing of its certificate any more
    // What has ended meanwhile may throw here, and nobody waits for this function.
    const shown = pinned ? await fingerprint(socket).catch(() => null) : undefined;
    if (closed) return;
    if (shown !== server.cert) {
      closed = true;
      clearTimeout(timer);
      socket.destroy();
      const message = "The TURN server shows another certificate than the gate's record names";
      return reject(new GhostError("unauthorized", message, { place }));
    }
    clearTimeout(timer);
    open = true;
    resolve({
      send: (bytes) => {
        if (!closed && socket.writableLength + bytes.length <= MAX_WAITING) socket.write(bytes);
      },
      close: () => {
        closed = true;
        socket.end();
        setTimeout(() => socket.destroy(), LINGER); // a server that does not close its half holds the socket no longer
      },
    });
  });
  return promise;
}

async function fingerprint(socket: TLSSocket): Promise<string | null> {
  const raw = socket.getPeerCertificate().raw as Uint8Array | undefined;
  if (!raw) return null;
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(raw))));
}
