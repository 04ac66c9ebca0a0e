/** Signing what comes next in a ledger. */
import { LEDGER_TYP, type LedgerBody, ledgerEntry, type LedgerKind } from "../wire/ledger.ts";
import { parse } from "../wire/schema.ts";
import { signJws } from "./jws.ts";
import type { SigningKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";

/** What `signEntry` signs: `ledger` is null for genesis; `iat` in seconds. */
export interface SignEntryOptions<K extends LedgerKind> {
  ledger: Ledger | null;
  admin: SigningKey;
  kind: K;
  body: LedgerBody<K>;
  iat: number;
  approvals?: string[];
}

/**
 * Signs the entry that comes next in a ledger. It is not appended.
 * @throws GhostError `bad_ledger` when the body is malformed
 */
export async function signEntry<K extends LedgerKind>(o: SignEntryOptions<K>): Promise<string> {
  const head = o.ledger?.head;
  const payload = {
    v: 1,
    net: o.ledger?.network.id ?? "",
    seq: head ? head.seq + 1 : 0,
    prev: head?.hash ?? "",
    iat: o.iat,
    kind: o.kind,
    body: o.body,
    ...(o.approvals ? { approvals: o.approvals } : {}),
  };
  parse(ledgerEntry, payload, "entry", "bad_ledger");
  return await signJws(payload, { typ: LEDGER_TYP, key: o.admin });
}
