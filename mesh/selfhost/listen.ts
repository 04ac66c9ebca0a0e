/** The listening socket, with or without TLS, and every way in which it can fail. */
import { ownCertificates } from "./certificates.ts";
import type { MeshConfig } from "./config.ts";
import type { Bytes } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { type Handler, listenHttps, type Listening } from "./https_server.ts";

/** What to serve TLS with; `caHash` is what clients pin, undefined when there is nothing to pin. */
export interface TlsMaterial {
  keys: { cert: string; key: string } | null;
  caHash: string | undefined;
  /** When the own CA ends. */
  caEnds?: Date;
}

/** Reads or makes the certificate that the configuration asks for. @throws GhostError `bad_config` */
export async function tlsMaterial(
  { tls, names, bind }: MeshConfig,
  { dir, now, random }: { dir: string; now: number; random: (length: number) => Bytes },
): Promise<TlsMaterial> {
  if (tls.kind === "off") return { keys: null, caHash: undefined };
  if (tls.kind === "files") {
    const cert = await readPem(tls.cert, "tls.cert");
    const key = await readPem(tls.key, "tls.key");
    return { keys: { cert, key }, caHash: undefined };
  }
  const all = [Deno.hostname(), ...names];
  if (!isWildcard(bind.hostname)) all.push(bind.hostname);
  const { cert, key, caHash, caEnds } = await ownCertificates(dir, { names: all.filter(Boolean), now, random });
  return { keys: { cert, key }, caHash, caEnds };
}

async function readPem(path: string, setting: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN ")) return text;
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "No such file" : "Cannot read this file";
    throw new GhostError("bad_config", why, { place: `${path} (${setting})`, cause: error });
  }
  throw new GhostError("bad_config", "Not a PEM file", { place: `${path} (${setting})` });
}

/** Whether an address stands for all of this machine's. */
export function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || /^[0:]+$/.test(hostname);
}

/**
 * Serves `handler`, and asks clients for their certificates where machines may come in by one.
 * @throws GhostError `port_in_use`, `missing_privilege`, `bad_config`
 */
export async function listen(config: MeshConfig, o: ListenOptions): Promise<Listening> {
  const { bind, tls, authMethods } = config;
  const { keys, handler, force, log } = o;
  try {
    if (keys !== null && authMethods.includes("mtls")) {
      return await listenHttps({ ...bind, ...keys, handler, force, log });
    }
    const server = serve(config, o);
    return { port: server.addr.port, shutdown: () => server.shutdown() };
  } catch (error) {
    const known = listenFault(error, config);
    if (known) throw known;
    if (keys !== null && tls.kind === "files") {
      throw new GhostError("bad_config", "Certificate and key are not usable", {
        place: `${tls.cert}, ${tls.key} (tls)`,
        mend: "expected the certificate's chain, its own first, and the key that belongs to it, both in PEM",
        cause: error,
      });
    }
    throw error;
  }
}

/** What serving takes besides the configuration. */
export interface ListenOptions {
  keys: TlsMaterial["keys"];
  handler: Handler;
  /** Cuts what is under way. */
  force: AbortSignal;
  log: (error: unknown) => void;
}

function serve({ bind }: MeshConfig, { keys, handler, force, log }: ListenOptions): Deno.HttpServer<Deno.NetAddr> {
  const options = {
    ...bind,
    signal: force,
    onListen() {},
    onError(error: unknown) {
      log(error);
      return new Response(null, { status: 500 });
    },
  };
  const answer = (request: Request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) =>
    handler(request, { address: remoteAddr.hostname, certificate: undefined });
  return keys === null ? Deno.serve(options, answer) : Deno.serve({ ...options, ...keys }, answer);
}

function listenFault(error: unknown, { bind, file }: MeshConfig): GhostError | undefined {
  const place = `${file ?? "server.bind"}${file ? " server.bind" : ""}`;
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof Deno.errors.AddrInUse || code === "EADDRINUSE") {
    return new GhostError("port_in_use", `${bind.hostname}:${bind.port} is in use by another program`, {
      place,
      mend: "stop that program, or choose another port",
    });
  }
  if (error instanceof Deno.errors.AddrNotAvailable || code === "EADDRNOTAVAIL") {
    return new GhostError("bad_config", `${bind.hostname} is not an address of this machine`, { place });
  }
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES" || code === "EPERM") {
    return new GhostError("missing_privilege", `Cannot listen on ${bind.hostname}:${bind.port}`, {
      place,
      mend: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
    });
  }
  return undefined;
}
