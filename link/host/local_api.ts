/**
 * The daemon's local API (mesh/wire/local.ts) on a unix socket. Who may use it is decided by the file system: socket and
 * secret are the daemon's user's (and group's) alone. Deno shows no peer credentials, so every request carries the secret as
 * well, and a request that a browser could have made (an Origin, or a foreign Host) is refused.
 *
 * Beside it lies `read.sock`, which answers everybody on this machine and only what changes nothing: status, peers and what the firewall has in force. The folder
 * can be passed through for its sake, but not listed or written to (0711).
 */
import { Hono } from "hono";
import { equalBytes, toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { GhostError, toProblem } from "../../mesh/wire/errors.ts";
import {
  localAdvertise,
  type localAdvertiseAnswer,
  type localDns,
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
import { type LocalExit, type LocalExitRequest, localExitRequest } from "../../mesh/wire/local_exit.ts";
import type { LocalFirewall, LocalFirewallFlow } from "../../mesh/wire/local_firewall.ts";
import { type LocalNetcheck, type LocalPath, localPathRequest } from "../../mesh/wire/local_look.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import { Ending } from "../../mesh/host/ending.ts";
import { runDirOf, type User } from "../../mesh/host/places.ts";
import { type Control, controlApp } from "./control_api.ts";

/** Longest request with ledger entries, in characters: one with a whole policy, and what lies around it. */
const MAX_ENTRIES = 2 << 20;

/** What the API asks of the daemon. */
export interface LocalHandlers {
  status(): Promise<LocalStatus>;
  peers(): Promise<LocalPeer[]>;
  ping(o: z.infer<typeof localPingRequest>): Promise<z.infer<typeof localPingAnswer>>;
  join(o: z.infer<typeof localJoinRequest>): Promise<z.infer<typeof localJoinAnswer>>;
  rotate(): Promise<z.infer<typeof localRotateAnswer>>;
  netcheck(): Promise<LocalNetcheck>;
  /** @throws GhostError `not_found` */
  path(peer: string): Promise<LocalPath>;
  routes(): Promise<z.infer<typeof localRoutes>>;
  /** @throws GhostError for what is no prefix */
  advertise(o: z.infer<typeof localAdvertise>): Promise<z.infer<typeof localAdvertiseAnswer>>;
  firewall(): Promise<LocalFirewall>;
  firewallFlows(): Promise<{ flows: LocalFirewallFlow[] | null }>;
  dns(): Promise<z.infer<typeof localDns>>;
  /** Changes what is asked for, and tells what is so then. */
  exit(request: LocalExitRequest | null): Promise<LocalExit>;
  /** Takes a new log-in in place of the one before. */
  login(o: z.infer<typeof localLoginRequest>): Promise<void>;
  ledger(from: number): Promise<z.infer<typeof localLedger>>;
  fork(): Promise<z.infer<typeof localFork>>;
  /** @throws GhostError for entries that do not verify */
  entries(entries: string[]): Promise<z.infer<typeof localEntriesAnswer>>;
}

function bareApp(): Hono {
  const app = new Hono();
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
    await next();
  });
  return app;
}

/** How long an answer at the read-only socket is given again, in ms: whoever asks all the time costs no more than one. */
const READ_AGAIN = 1000;

/** The app behind the read-only socket. */
export function readApp(handlers: Pick<LocalHandlers, "status" | "peers" | "firewall">, now: () => number): Hono {
  const app = bareApp();
  const status = lately(() => handlers.status(), now);
  const peers = lately(() => handlers.peers(), now);
  const firewall = lately(() => handlers.firewall(), now);
  app.get("/v1/status", async (c) => c.json(await status()));
  app.get("/v1/peers", async (c) => c.json({ peers: await peers() }));
  app.get("/v1/firewall", async (c) => c.json(await firewall()));
  return app;
}

function lately<T>(ask: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | null = null;
  return () => {
    if (last === null || now() - last.at >= READ_AGAIN) last = { at: now(), answer: ask() };
    return last.answer;
  };
}

/** The app behind the socket; separate from the socket so that it can be tested alone. */
export function localApp(handlers: LocalHandlers, secret: string, more?: Hono): Hono {
  const app = bareApp();
  const expected = utf8(`Bearer ${secret}`);
  app.use(async (c, next) => {
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
  app.get("/v1/netcheck", async (c) => c.json(await handlers.netcheck()));
  app.post("/v1/debug/path", async (c) => {
    const { peer } = parse(localPathRequest, await body(c), "request");
    return c.json(await handlers.path(peer));
  });
  app.get("/v1/routes", async (c) => c.json(await handlers.routes()));
  app.post("/v1/routes/advertise", async (c) => {
    return c.json(await handlers.advertise(parse(localAdvertise, await body(c), "request")));
  });
  app.get("/v1/exit", async (c) => c.json(await handlers.exit(null)));
  app.post("/v1/exit", async (c) => c.json(await handlers.exit(parse(localExitRequest, await body(c), "request"))));
  app.get("/v1/firewall", async (c) => c.json(await handlers.firewall()));
  app.get("/v1/firewall/log", async (c) => c.json(await handlers.firewallFlows()));
  app.get("/v1/dns", async (c) => c.json(await handlers.dns()));
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
  if (more) app.route("/", more);
  return app;
}

/** Where the daemon's socket is unless told otherwise: `--socket`, GHOSTLINK_SOCKET, /run as root, XDG_RUNTIME_DIR. */
export function defaultSocket(user: User): string {
  const given = user.env("GHOSTLINK_SOCKET");
  if (given) return given;
  const dir = runDirOf(user);
  if (dir !== null) return `${dir}/ghostlink.sock`;
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

/** What is served, where and for whom. */
export interface LocalOptions {
  socket: string;
  handlers: LocalHandlers;
  random: (n: number) => Bytes;
  /** What the API has besides. */
  control?: Control;
  /** Number of the group that may do everything, too. */
  group?: number | null;
}

/**
 * Serves the app on a unix socket, and the read-only one beside it. A stale socket of a crashed daemon is replaced; one that
 * answers is not.
 * @throws GhostError `port_in_use`
 */
export async function serveLocal(o: LocalOptions): Promise<LocalServer> {
  const dir = o.socket.slice(0, o.socket.lastIndexOf("/")) || ".";
  const secretFile = `${dir}/token`;
  const readSocket = `${dir}/read.sock`;
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  if (await answers(o.socket)) {
    throw new GhostError("port_in_use", "Another ghostlink already listens on this socket", {
      place: o.socket,
      mend: "stop it, or give this one a socket of its own with --socket",
    });
  }
  const mode = (await Deno.stat(dir)).mode;
  if (mode !== null && (mode & 0o066) !== 0) {
    throw new GhostError("bad_config", "The socket's folder is open to others", {
      place: dir,
      mend: "choose a folder of its own with --socket, or: chmod 711 " + dir,
    });
  }
  for (const socket of [o.socket, readSocket]) await removeStale(socket);
  const group = o.group ?? null;
  const share = async (path: string) => {
    if (group !== null) await Deno.chown(path, null, group);
    await Deno.chmod(path, group === null ? 0o600 : 0o660);
  };
  const secret = toBase64Url(o.random(32));
  await Deno.writeTextFile(secretFile, secret, { mode: 0o600 });
  await share(secretFile);
  const over = new Ending();
  const closing = new AbortController();
  const app = localApp(o.handlers, secret, o.control && controlApp(o.control, closing.signal));
  const serve = (path: string, { fetch }: Hono) =>
    Deno.serve(
      { path, onListen() {} },
      async (request) => await over.before(Promise.resolve(fetch(request))) ?? new Response(null, { status: 503 }),
    );
  const servers = [serve(o.socket, app), serve(readSocket, readApp(o.handlers, () => performance.now()))];
  await share(o.socket);
  await Deno.chmod(readSocket, 0o666);
  await Deno.chmod(dir, 0o711);
  return {
    async close() {
      closing.abort();
      // A ping that nobody answers can take half an hour: what is not done by then is cut off.
      const timer = setTimeout(() => over.end(), LAST_ANSWERS);
      await Promise.all(servers.map((server) => server.shutdown()));
      clearTimeout(timer);
      for (const path of [o.socket, readSocket, secretFile]) await Deno.remove(path).catch(ignoreMissing);
    },
  };
}

/** Removes a crashed daemon's socket. @throws GhostError `bad_config` when something else lies there */
async function removeStale(socket: string): Promise<void> {
  const there = await Deno.lstat(socket).catch(ignoreMissing);
  if (there && !there.isSocket) {
    throw new GhostError("bad_config", "There is something else than a socket", {
      place: socket,
      mend: "name another place with --socket",
    });
  }
  if (there) await Deno.remove(socket);
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
