/** The self-hosted coordinator: the app of mesh/server with a local store, its own certificate and a listening socket. */
import { fetchJson } from "../wire/fetch_json.ts";
import type { Log } from "../host/log.ts";
import { createApp, type MeshApp } from "../server/mod.ts";
import { MESH_PORT } from "../wire/api.ts";
import type { Bytes } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { encodeSetupCode } from "../wire/token.ts";
import { VERSION } from "../wire/version.ts";
import { clientCertificate } from "./client_certificate.ts";
import type { MeshConfig } from "./config.ts";
import { DraftFile } from "./draft.ts";
import { isWildcard, listen, tlsMaterial } from "./listen.ts";
import { lockStateDir } from "./lock.ts";

/** Milliseconds that requests under way get to end by themselves. */
const GRACE = 5_000;
const CA_WARNING = 365 * 86_400_000;

export interface RunOptions {
  /** State folder. */
  dir: string;
  log: Log;
  /** Writes a line that an operator should read. */
  say: (line: string) => void;
  /** Ends the coordinator. */
  signal: AbortSignal;
  random: (length: number) => Bytes;
}

/**
 * Runs until the signal is aborted.
 * @throws GhostError when it cannot start
 */
export async function runMesh(config: MeshConfig, o: RunOptions): Promise<void> {
  const { dir, log, say, signal, random } = o;
  using _lock = await lockStateDir(dir);
  const tls = await tlsMaterial(config, { dir, now: Date.now(), random });
  using kv = await openStore(config, dir);
  const draft = config.aclFile === undefined
    ? null
    : new DraftFile({ file: config.aclFile, log, inForce: () => policyInForce(app) });
  const app: MeshApp = createApp({
    kv,
    now: () => Date.now(),
    random,
    config: {
      version: VERSION,
      authMethods: config.authMethods,
      fetchJson,
      draft: () => Promise.resolve(draft?.draft ?? null),
      log: (error) => log.error("request failed", { error }),
    },
  });
  const claimed = await app.network() !== null; // a store that cannot be read shows here, before anything listens
  const stop = new AbortController();
  const proxy = { trustedProxy: config.trustedProxy, header: config.certificateHeader };
  const server = await listen(config, {
    keys: tls.keys,
    handler: (request, connection) =>
      app.fetch(request, { certificate: clientCertificate(request.headers, connection, proxy) }),
    force: stop.signal,
    log: (error) => log.error("connection failed", { error }),
  });
  const scheme = tls.keys === null ? "http" : "https";
  say(`ghostmesh ${VERSION} listens on ${scheme}://${withPort(config.bind.hostname, server.port)}`);
  await warn(config, tls.caEnds, { app, log });
  const watching = draft?.watch(signal).catch((error) => log.error("acl_file is no longer watched", { error }));
  if (!claimed) await sayHowToSetUp(app, { say, host: hostToType(config, server.port), caHash: tls.caHash });

  await aborted(signal);
  log.info("stopping");
  await app.close();
  const forced = setTimeout(() => stop.abort(), GRACE);
  await server.shutdown();
  clearTimeout(forced);
  await watching;
}

async function openStore({ storeUrl }: MeshConfig, dir: string): Promise<Deno.Kv> {
  const path = storeUrl ?? `${dir}/store.kv`;
  try {
    if (storeUrl === undefined) await makePrivate(path);
    return await Deno.openKv(path);
  } catch (error) {
    throw new GhostError("bad_config", `Cannot open the store: ${error instanceof Error ? error.message : error}`, {
      place: path,
      mend: storeUrl === undefined
        ? "bring the file back from a copy, or name another folder with --state-dir"
        : "check [store] url, and the token in DENO_KV_ACCESS_TOKEN",
      cause: error,
    });
  }
}

/** Makes the file before SQLite does: the files that SQLite lays beside it take its mode. */
async function makePrivate(path: string): Promise<void> {
  (await Deno.open(path, { write: true, create: true, mode: 0o600 })).close();
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    await Deno.chmod(file, 0o600).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

async function policyInForce(app: MeshApp): Promise<string | null> {
  const network = await app.network();
  return network === null ? null : (await network.replica.refresh()).ledger.policy?.source ?? null;
}

async function warn(
  { authMethods, file }: MeshConfig,
  caEnds: Date | undefined,
  o: { app: MeshApp; log: Log },
): Promise<void> {
  const { app, log } = o;
  const network = await app.network();
  const admit = network === null ? [] : (await network.replica.refresh()).admit;
  for (const method of ["oidc", "mtls"] as const) {
    if (!authMethods.includes(method) || admit.some((rule) => rule.method === method)) continue;
    const what = method === "oidc" ? "issuer" : "CA";
    log.warn(
      `auth_method "${method}": the signed policy names no ${what} ([[admit]] method = "${method}"), so nobody gets in by it; ` +
        "join tokens work: ghostctl token create",
      { file },
    );
  }
  if (caEnds !== undefined && caEnds.getTime() - Date.now() < CA_WARNING) {
    log.warn("this coordinator's own CA ends before long; machines that pin it must then join anew", {
      ends: caEnds.toISOString(),
    });
  }
}

async function sayHowToSetUp(
  app: MeshApp,
  { say, host, caHash }: { say: (line: string) => void; host: string; caHash: string | undefined },
): Promise<void> {
  const secret = await app.newSetupSecret();
  if (secret === null) return; // claimed through another instance meanwhile
  const code = encodeSetupCode({ secret, ca: caHash });
  say("It has no network yet. Found one with this one-time code, on any machine that has ghostctl:");
  say(`  ghostctl init --server ${host} --setup ${code}`);
}

/** The server as people type it elsewhere, as well as can be known here. */
function hostToType({ bind, names, tls }: MeshConfig, port: number): string {
  const host = isWildcard(bind.hostname) ? names[0] ?? Deno.hostname() : bind.hostname;
  const typed = port === MESH_PORT && !host.includes(":") ? host : withPort(host, port);
  return tls.kind === "off" ? `http://${withPort(host, port)}` : typed;
}

function withPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
