/**
 * The daemon's local API (mesh/wire/local.ts) on a unix socket. Who may use it is decided by the file system: socket and
 * secret lie in a folder of mode 0700. Deno shows no peer credentials, so every request carries the secret as well, and a
 * request that a browser could have made (an Origin, or a foreign Host) is refused.
 */
import { Hono } from "hono";
import { equalBytes, toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { GhostError, toProblem } from "../../mesh/wire/errors.ts";
import {
  localEntries,
  type localEntriesAnswer,
  type localFork,
  type localJoinAnswer,
  localJoinRequest,
  type localLedger,
  localLoginRequest,
  type LocalPeer,
  type localPingAnswer,
  localPingRequest,
  type localRotateAnswer,
  type localRoutes,
  type LocalStatus,
} from "../../mesh/wire/local.ts";
import { parse, z } from "../../mesh/wire/schema.ts";

/** Longest request with ledger entries, in characters: one with a whole policy, and what lies around it. */
const MAX_ENTRIES = 2 << 20;

/** What the API asks of the daemon. */
export interface LocalHandlers {
  status(): Promise<LocalStatus>;
  peers(): Promise<LocalPeer[]>;
  ping(o: z.infer<typeof localPingRequest>): Promise<z.infer<typeof localPingAnswer>>;
  join(o: z.infer<typeof localJoinRequest>): Promise<z.infer<typeof localJoinAnswer>>;
  rotate(): Promise<z.infer<typeof localRotateAnswer>>;
  routes(): Promise<z.infer<typeof localRoutes>>;
  /** Takes a new log-in in place of the one before. */
  login(o: z.infer<typeof localLoginRequest>): Promise<void>;
  ledger(from: number): Promise<z.infer<typeof localLedger>>;
  fork(): Promise<z.infer<typeof localFork>>;
  /** @throws GhostError for entries that do not verify */
  entries(entries: string[]): Promise<z.infer<typeof localEntriesAnswer>>;
}

/** The app behind the socket; separate from the socket so that it can be tested alone. */
export function localApp(handlers: LocalHandlers, secret: string): Hono {
  const app = new Hono();
  const expected = utf8(`Bearer ${secret}`);
  app.onError((error) => {
    const problem = toProblem(error);
    return Response.json(problem, { status: problem.status, headers: { "content-type": "application/problem+json" } });
  });
  app.notFound(() => {
    throw new GhostError("not_found", "No such request");
  });
  app.use(async (c, next) => {
    if (c.req.header("origin") !== undefined || new URL(c.req.url).hostname !== "ghostlink") {
      throw new GhostError("forbidden", "The local API is for ghostctl only");
    }
    if (!equalBytes(utf8(c.req.header("authorization") ?? ""), expected)) {
      throw new GhostError("unauthorized", "The request does not carry the daemon's secret");
    }
    await next();
  });
  const body = async (c: { req: { text(): Promise<string> } }, max = 65_536): Promise<unknown> => {
    const text = await c.req.text();
    if (text.length > max) throw new GhostError("too_large", "The request is too large");
    try {
      return JSON.parse(text);
    } catch {
      throw new GhostError("bad_input", "The request is not JSON");
    }
  };
  app.get("/v1/status", async (c) => c.json(await handlers.status()));
  app.get("/v1/peers", async (c) => c.json({ peers: await handlers.peers() }));
  app.get("/v1/routes", async (c) => c.json(await handlers.routes()));
  app.get("/v1/ledger", async (c) => {
    const from = parse(z.coerce.number().int().min(0).default(0), c.req.query("from"), "query.from");
    return c.json(await handlers.ledger(from));
  });
  app.get("/v1/ledger/fork", async (c) => c.json(await handlers.fork()));
  app.post("/v1/ledger", async (c) => {
    const { entries } = parse(localEntries, await body(c, MAX_ENTRIES), "request");
    return c.json(await handlers.entries(entries));
  });
  app.post("/v1/ping", async (c) => c.json(await handlers.ping(parse(localPingRequest, await body(c), "request"))));
  app.post("/v1/join", async (c) => c.json(await handlers.join(parse(localJoinRequest, await body(c), "request"))));
  app.post("/v1/login", async (c) => {
    await handlers.login(parse(localLoginRequest, await body(c), "request"));
    return c.json({});
  });
  app.post("/v1/keys/rotate", async (c) => c.json(await handlers.rotate()));
  return app;
}

/** Where the daemon's socket is unless told otherwise: `--socket`, GHOSTLINK_SOCKET, /run as root, XDG_RUNTIME_DIR. */
export function defaultSocket(env: (name: string) => string | undefined, uid: number | null): string {
  const given = env("GHOSTLINK_SOCKET");
  if (given) return given;
  if (uid === 0) return "/run/ghostlink/ghostlink.sock";
  const runtime = env("XDG_RUNTIME_DIR");
  if (runtime) return `${runtime}/ghostlink/ghostlink.sock`;
  throw new GhostError("bad_config", "Nowhere to put the socket: XDG_RUNTIME_DIR is not set", {
    mend: "start ghostlink as root, or name a place with --socket",
  });
}

/** How long requests under way may go on when the daemon stops, in ms. */
const LAST_ANSWERS = 500;

/** A served local API. */
export interface LocalServer {
  close(): Promise<void>;
}

/**
 * Serves the app on a unix socket. A stale socket of a crashed daemon is replaced; one that answers is not.
 * @throws GhostError `port_in_use`
 */
export async function serveLocal(
  o: { socket: string; handlers: LocalHandlers; random: (n: number) => Bytes },
): Promise<LocalServer> {
  const dir = o.socket.slice(0, o.socket.lastIndexOf("/")) || ".";
  const secretFile = `${dir}/token`;
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  if (await answers(o.socket)) {
    throw new GhostError("port_in_use", "Another ghostlink already listens on this socket", {
      place: o.socket,
      mend: "stop it, or give this one a socket of its own with --socket",
    });
  }
  const mode = (await Deno.stat(dir)).mode;
  if (mode !== null && (mode & 0o077) !== 0) {
    throw new GhostError("bad_config", "The socket's folder is open to others", {
      place: dir,
      mend: "choose a folder of its own with --socket, or: chmod 700 " + dir,
    });
  }
  const there = await Deno.lstat(o.socket).catch(ignoreMissing);
  if (there && !there.isSocket) {
    throw new GhostError("bad_config", "There is something else than a socket", {
      place: o.socket,
      mend: "name another place with --socket",
    });
  }
  if (there) await Deno.remove(o.socket); // a crashed daemon's: nobody answered
  const secret = toBase64Url(o.random(32));
  await Deno.writeTextFile(secretFile, secret, { mode: 0o600 });
  await Deno.chmod(secretFile, 0o600);
  const app = localApp(o.handlers, secret);
  const over = Promise.withResolvers<void>();
  const server = Deno.serve(
    { path: o.socket, onListen() {} },
    (request) => Promise.race([app.fetch(request), over.promise.then(() => new Response(null, { status: 503 }))]),
  );
  await Deno.chmod(o.socket, 0o600);
  return {
    async close() {
      // A ping that nobody answers can take half an hour: what is not done by then is cut off.
      const timer = setTimeout(over.resolve, LAST_ANSWERS);
      await server.shutdown();
      clearTimeout(timer);
      await Deno.remove(o.socket).catch(ignoreMissing);
      await Deno.remove(secretFile).catch(ignoreMissing);
    },
  };
}

async function answers(socket: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path: socket })).close();
    return true;
  } catch {
    return false;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
