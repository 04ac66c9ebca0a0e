/**
 * The coordinator on the edge: the app of mesh/server as a fetch handler, for Deno Deploy and whatever runs Deno without a
 * host. No files, no subprocesses, no UDP, no timers beyond a stream's heartbeat; an isolate may vanish at any moment, because
 * the store has everything and streams resume.
 *
 * - The store is opened at the first request: `Deno.openKv()`, which on Deno Deploy is the database of the app.
 * - TLS is the platform's, so there is no CA to pin, and nothing is printed that an operator could read. Therefore the set-up code
 *   comes from the environment: GHOSTMESH_SETUP_SECRET holds the very text that `ghostctl init --setup` takes, `setup1_` and
 *   16 random bytes in base64url, for example of
 *       echo "setup1_$(head -c 16 /dev/urandom | basenc --base64url | tr -d =)"
 *   Only its hash gets into the store. Without the variable an unclaimed coordinator refuses set-up; once claimed the
 *   variable means nothing and can be deleted.
 * - There is no acl_file: `ghostctl init --acls FILE` and `ghostctl policy push FILE` sign the admin's own.
 */
import { createApp, type MeshApp } from "./server/mod.ts";
import { setSetupSecret } from "./store/mod.ts";
import type { Bytes } from "./wire/encoding.ts";
import { errorLine, toProblem } from "./wire/errors.ts";
import { decodeSetupCode } from "./wire/token.ts";
import { fetchJson } from "./wire/fetch_json.ts";
import { VERSION } from "./wire/version.ts";

export interface EdgeOptions {
  openKv: () => Promise<Deno.Kv>;
  /** An environment variable. */
  env: (name: string) => string | undefined;
  /** Milliseconds since 1970. */
  now: () => number;
  random: (length: number) => Bytes;
  log: (error: unknown) => void;
}

/** A fetch handler that opens its store at the first request. */
export function createEdge(o: EdgeOptions): { fetch(request: Request): Promise<Response>; close(): Promise<void> } {
  let opening: Promise<MeshApp> | null = null;
  const open = async () => {
    const kv = await o.openKv();
    const { now, random, log } = o;
    const app = createApp({
      kv,
      now,
      random,
      config: { version: VERSION, authMethods: ["static", "oidc", "mtls"], fetchJson, log },
    });
    const code = o.env("GHOSTMESH_SETUP_SECRET");
    try {
      if (await app.network() === null && code !== undefined) {
        await setSetupSecret(kv, decodeSetupCode(code).secret as Bytes);
      }
    } catch (error) {
      kv.close();
      throw error;
    }
    return app;
  };
  return {
    async fetch(request) {
      opening ??= open();
      try {
        return await (await opening).fetch(request);
      } catch (error) {
        opening = null; // the next request tries again
        o.log(error);
        const problem = { ...toProblem(undefined), title: "The coordinator cannot start", status: 503 };
        return Response.json(problem, { status: 503, headers: { "content-type": "application/problem+json" } });
      }
    },
    async close() {
      await (await opening)?.close();
    },
  };
}

const edge = createEdge({
  openKv: () => Deno.openKv(),
  env: (name) => Deno.env.get(name),
  now: () => Date.now(),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  // The platform's log is the only place to tell of it.
  // deno-lint-ignore ghostmesh/no-console
  log: (error) => console.error(`ghostmesh: ${errorLine(error)}`),
});

export default { fetch: (request: Request): Promise<Response> => edge.fetch(request) };
