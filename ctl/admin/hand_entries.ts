/** Handing ledger entries on: to the coordinator, and to this machine's own daemon (gates.ts for gates). */
import type { MeshClient } from "../../mesh/client/mesh_client.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

/** Entries handed over at once, and their characters. */
const MAX_ENTRIES = 64;
const MAX_SIZE = 700_000;

/** Hands entries to the coordinator, in as many requests as they need. @throws GhostError what it refuses, or `unreachable` */
export async function handToCoordinator(client: MeshClient, entries: readonly string[]): Promise<void> {
  for (let at = 0; at < entries.length;) {
    let size = 0;
    let end = at;
    while (
      end < entries.length && end - at < MAX_ENTRIES && (end === at || size + entries[end]!.length <= MAX_SIZE)
    ) {
      size += entries[end++]!.length;
    }
    await client.append(entries.slice(at, end));
    at = end;
  }
}

/**
 * Hands entries to this machine's own daemon, if one runs: it checks them as those of anybody and passes them on to gates and
 * peers, so that a coordinator that keeps them to itself delays nothing.
 */
export async function handToDaemon(call: Call, entries: readonly string[]): Promise<void> {
  try {
    const like = { added: 0, head: { seq: 0, hash: "" } };
    for (let at = 0; at < entries.length; at += MAX_ENTRIES) {
      const body = { entries: entries.slice(at, at + MAX_ENTRIES) };
      await askDaemon(call, { method: "POST", path: "/v1/ledger", body, like });
    }
  } catch { /* none runs here, or it is of another network, or behind: it will hear of them as the others do */ }
}
