/** A daemon's own API server, with answers of the test's choice. */
import { type LocalHandlers, serveLocal } from "../../link/host/local_api.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalPeer, LocalStatus } from "../../mesh/wire/local.ts";
import { type Ended, ghostctl } from "./world.ts";

/** A node id. */
export const ID = "f4k2q3x7m5v6b2n4c7d3s5a2ga";

/** What a daemon says that is up. */
export const STATUS: LocalStatus = {
  self: { name: "alice", id: ID, addresses: ["100.64.7.9", "fd12::9"], interface: "ghost0" },
  network: { id: "a".repeat(32), name: "home", server: "https://127.0.0.1:7777", connected: true, ledgerSeq: 12 },
  gates: [{ name: "gate1", id: ID, region: "eu", connected: true, rttMs: 8.1, use: "home", draining: false }],
  home: { gate: "gate1", why: "the only gate" },
  warnings: ["The gate gate1 is old"],
  exit: { name: "carol", node: ID, lan: false, killSwitch: true, ipv4: true, ipv6: true, why: null },
  state: "up",
};
/** A peer that is there, and one that is not. */
export const PEERS: LocalPeer[] = [
  {
    name: "bob",
    id: ID,
    addresses: ["100.64.3.4"],
    online: true,
    path: { rung: "direct", endpoint: "203.0.113.7:51820", rttMs: 4.2, since: "2026-01-01T00:00:00.000Z", why: null },
    rxBytes: 1500,
    txBytes: 20,
    lastHandshake: "2026-01-01T00:00:00.000Z",
  },
  {
    name: "carol",
    id: ID,
    addresses: [],
    online: false,
    path: { rung: "none", endpoint: null, rttMs: null, since: null, why: "it is off" },
    rxBytes: 0,
    txBytes: 0,
    lastHandshake: null,
  },
];

/** A peer of which little is known. */
export function peer(name: string, rung: LocalPeer["path"]["rung"]): LocalPeer {
  return {
    name,
    id: ID,
    addresses: [],
    online: true,
    path: { rung, endpoint: null, rttMs: null, since: null, why: null },
    rxBytes: 0,
    txBytes: 0,
    lastHandshake: null,
  };
}

/** Serves a daemon's API at `socket` until it is disposed of; what has no answer is refused. */
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

/** ghostctl that finds such a daemon. */
export async function withDaemon(
  answers: Partial<LocalHandlers>,
  run: (ctl: (...args: string[]) => Promise<Ended>, socket: string) => Promise<void>,
  parent?: string,
): Promise<void> {
  const dir = await Deno.makeTempDir(parent === undefined ? {} : { dir: parent });
  try {
    const socket = `${dir}/ghostlink.sock`;
    await using _ = await answering(socket, answers);
    await run((...args) => ghostctl(args, { env: { GHOSTLINK_SOCKET: socket }, open: [dir] }), socket);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
