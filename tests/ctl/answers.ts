/** A daemon's local API as ghostlink serves it, with answers of the test's choice behind it. */
import { type LocalHandlers, serveLocal } from "../../link/host/local_api.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalPeer } from "../../mesh/wire/local.ts";

/** Serves at `socket` until it is disposed of; what has no answer is refused. */
export async function answering(socket: string, answers: Partial<LocalHandlers>): Promise<AsyncDisposable> {
  const refuse = () => Promise.reject(new GhostError("not_supported", "Not in this test"));
  const server = await serveLocal({
    socket,
    random: (n) => crypto.getRandomValues(new Uint8Array(n)),
    handlers: new Proxy(answers, {
      get: (_, name) => answers[name as keyof LocalHandlers] ?? refuse,
    }) as LocalHandlers,
  });
  return { [Symbol.asyncDispose]: () => server.close() };
}

/** A peer of which little is known. */
export function peer(name: string, rung: LocalPeer["path"]["rung"]): LocalPeer {
  return {
    name,
    id: "f4k2q3x7m5v6b2n4c7d3s5a2ga",
    addresses: [],
    online: true,
    path: { rung, endpoint: null, rttMs: null, since: null, why: null },
    rxBytes: 0,
    txBytes: 0,
    lastHandshake: null,
  };
}
