/** Where a browser on this machine comes back to (RFC 8252, 7.3): one path on a free port of 127.0.0.1, for one log-in. */
import { equalBytes, utf8 } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";

/** A log-in that waits for its browser. */
export interface Loopback {
  redirect: string;
  code: Promise<{ code: string; issuer: string | undefined }>;
  /** Tells the browser's page who has logged in, or that it failed, and ends. */
  finish(user: string | null): Promise<void>;
}

/** Waits for the browser with this `state`. */
export function loopback(o: { state: string; machine: string; network: string }): Loopback {
  const came = Promise.withResolvers<{ code: string; issuer: string | undefined }>();
  const ended = Promise.withResolvers<string | null>();
  came.promise.catch(() => {}); // who waits for it hears of it; nobody may
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const { state, code, error, iss } = Object.fromEntries(url.searchParams);
    const mine = state !== undefined && equalBytes(utf8(state), utf8(o.state));
    if (request.method !== "GET" || url.pathname !== "/callback" || !mine) return page("Nothing here", 404);
    if (error !== undefined || code === undefined || code.length > 4096) {
      const why = (error ?? "it sent no code").slice(0, 200);
      came.reject(new GhostError("not_admitted", `The identity provider refused: ${why}`, { mend: "begin again" }));
      return page("Not logged in. What went wrong is told on the machine.", 403);
    }
    came.resolve({ code, issuer: iss });
    const user = await ended.promise;
    return user === null
      ? page("Not logged in. What went wrong is told on the machine.", 403)
      : page(`"${o.machine}" is now in the network "${o.network}" as ${user}. You can close this page.`, 200);
  });
  return {
    redirect: `http://127.0.0.1:${server.addr.port}/callback`,
    code: came.promise,
    async finish(user) {
      ended.resolve(user);
      await server.shutdown();
    },
  };
}

function page(text: string, status: number): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      connection: "close",
    },
  });
}
