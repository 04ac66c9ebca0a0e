/**
 * The coordinator as a fetch handler: a Hono app over a Deno KV. It holds no truth in memory and no signing key; any number
 * of instances can serve one store. Files, sockets and signals are the business of main.ts; edge.ts has none.
 */
import { Hono } from "hono";
import type { Bytes } from "../wire/encoding.ts";
import { type Claim, readClaim, readIssuers, saveIssuers, setSetupSecret } from "../store/mod.ts";
import { IssuerBook } from "../trust/admission/mod.ts";
import { Appender } from "./append.ts";
import type { Deps, Env, Network, ServerConfig } from "./context.ts";
import { SyncHub } from "./hub.ts";
import { claimed } from "./middleware/claimed.ts";
import { notFound, problem } from "./middleware/problems.ts";
import { Replica } from "./replica.ts";
import type { Client } from "./shown.ts";
import { gates } from "./routes/gates.ts";
import { health } from "./routes/health.ts";
import { ledger } from "./routes/ledger.ts";
import { mail } from "./routes/mail.ts";
import { nodes } from "./routes/nodes.ts";
import { oidc } from "./routes/oidc.ts";
import { policy } from "./routes/policy.ts";
import { proposals } from "./routes/proposals.ts";
import { server } from "./routes/server_info.ts";
import { setup } from "./routes/setup.ts";
import { sync } from "./routes/sync.ts";

export type { Draft, ServerConfig } from "./context.ts";

/** Milliseconds between comments on an event stream, unless configured. */
const HEARTBEAT = 15_000;

export interface AppOptions {
  kv: Deno.Kv;
  /** Milliseconds since 1970. */
  now: () => number;
  random: (length: number) => Bytes;
  config: ServerConfig;
}

/** A running coordinator. */
export interface MeshApp {
  fetch(request: Request, client?: Client): Promise<Response>;
  /** As `fetch`, for tests. */
  request: Hono<Env>["request"];
  /** The network that it serves, null before set-up. */
  network(): Promise<Network | null>;
  /** Makes a new one-time secret in place of any before; null when the coordinator is claimed. */
  newSetupSecret(): Promise<Bytes | null>;
  /** Ends all event streams; the store is the caller's. */
  close(): Promise<void>;
}

/** Makes the coordinator's app. */
export function createApp({ kv, now, random, config }: AppOptions): MeshApp {
  const log = config.log ?? (() => {});
  let known: Network | null = null;
  const network = async () => {
    if (known !== null) return known;
    const claim = await readClaim(kv);
    // A claim is for good, so it may be remembered; another request may have been here meanwhile.
    if (claim !== null && known === null) known = makeNetwork(claim);
    return known;
  };
  const makeNetwork = ({ net, recoverUntil = 0 }: Claim): Network => {
    const { fetchJson } = config;
    const issuers = fetchJson && new IssuerBook({
      fetchJson,
      now: () => now() / 1000,
      load: () => readIssuers(kv),
      save: (pages) => saveIssuers(kv, pages),
    });
    const replica = new Replica(kv, { net, now, ...(issuers ? { issuers } : {}) });
    const hub = new SyncHub({ kv, replica, now, heartbeat: config.heartbeat ?? HEARTBEAT, log });
    return { net, replica, hub, appender: new Appender(kv, replica, now), recoverUntil };
  };
  const deps: Deps = { kv, now, config, network };

  const app = new Hono<Env>();
  app.onError((error) => problem(error, log));
  app.notFound(notFound(app));
  app.use(async (c, next) => {
    c.set("deps", deps);
    await next();
    c.header("cache-control", "no-store");
  });
  app.use(claimed);
  for (const route of [health, server, setup, ledger, nodes, gates, sync, mail, policy, proposals, oidc]) {
    app.route("/", route);
  }

  return {
    fetch: async (request, client = {}) => await app.fetch(request, { client }),
    request: app.request.bind(app),
    network,
    newSetupSecret: async () => {
      const secret = random(16);
      return await setSetupSecret(kv, secret) ? secret : null;
    },
    close: async () => await known?.hub.close(),
  };
}
