/** A ledger as a coordinator serves it, which may serve anything for as long as it is asked. */
import { Ledger, type OpenLedgerOptions } from "../trust/ledger.ts";
import type { LedgerPage } from "../wire/api.ts";

/** Who serves pages of a ledger, from an entry on. */
export interface LedgerServer {
  ledger(from: number, o?: { signal?: AbortSignal }): Promise<LedgerPage>;
}

/**
 * Fetches a ledger from genesis on. Each page is verified before the next is asked for, and one without anything new is the last:
 * a coordinator can neither fill the memory nor keep the caller for ever. It may still end before the head that it promised;
 * whether that matters, the caller knows.
 * @throws GhostError as Ledger.open() and append(), and what the server's refusals are
 */
export async function collectLedger(
  server: LedgerServer,
  { signal, ...open }: Pick<OpenLedgerOptions, "net" | "issuerSigners"> & { signal?: AbortSignal | undefined },
): Promise<Ledger> {
  const o = signal === undefined ? {} : { signal };
  const first = await server.ledger(0, o);
  const ledger = await Ledger.open(first.entries, open);
  while (ledger.head.seq < first.head.seq) {
    const before = ledger.head.seq;
    for (const entry of (await server.ledger(before + 1, o)).entries) await ledger.append(entry);
    if (ledger.head.seq === before) break;
  }
  return ledger;
}
