/** Grants as people manage them: what they allow, how often they were used, whether they are in force. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { GrantBody } from "../../mesh/wire/ledger.ts";
import { readEntry } from "./entries.ts";
import { rfc3339, unixTime } from "./host.ts";
import type { AdminNetwork } from "./network.ts";

/** A grant; `used` counts the machines that are there by it. */
export interface GrantRow {
  key: string;
  gate: boolean;
  tags: string[];
  ephemeral: boolean;
  uses: number | null;
  used: number;
  expires: string | null;
  state: "open" | "used up" | "expired" | "revoked";
}

/** Every grant that was ever signed, newest last; of two entries for one key the newer. */
export function grantsOf(ledger: Ledger): Map<string, GrantBody> {
  const grants = new Map<string, GrantBody>();
  for (const jws of ledger.entries) {
    const { entry } = readEntry(jws);
    if (entry.kind !== "grant") continue;
    grants.delete(entry.body.key);
    grants.set(entry.body.key, entry.body);
  }
  return grants;
}

/** All grants with their state. */
export async function grantRows(network: AdminNetwork, ledger: Ledger): Promise<GrantRow[]> {
  const used = new Map<string, number>();
  const [{ nodes }, { gates }] = await Promise.all([network.nodes(ledger), network.gates(ledger)]);
  for (const { admission: { grant } } of [...nodes, ...gates]) if (grant) used.set(grant, (used.get(grant) ?? 0) + 1);
  return [...grantsOf(ledger).values()].map(({ key, gate, tags, ephemeral, uses, expires }) => {
    const count = used.get(key) ?? 0;
    const state = ledger.isRevoked("grant", key)
      ? "revoked"
      : expires !== null && expires < unixTime()
      ? "expired"
      : uses !== null && count >= uses
      ? "used up"
      : "open";
    const until = expires === null ? null : rfc3339(expires);
    return { key, gate, tags, ephemeral, uses, used: count, expires: until, state };
  });
}
