/** One ledger entry, checked in everything that follows from its text alone. */
import { LEDGER_TYP, type LedgerEntry, ledgerEntry } from "../wire/ledger.ts";
import { key32, parse } from "../wire/schema.ts";
import { type Approvals, readApprovals } from "./approval.ts";
import { readVerifiedJws, verifyJws } from "./jws.ts";
import { hashOf, nodeIdOf } from "./keys.ts";

/** An entry and what was computed from its text. */
export interface CheckedEntry {
  jws: string;
  /** What to call it in refusals. */
  place: string;
  hash: string;
  signer: string;
  entry: LedgerEntry;
  approvals: Approvals | null;
  /** Id of the node that a `revoke` names. */
  node: string | undefined;
}

/**
 * Reads an entry; with `verified` without its signatures, which is only for texts that are known by their hash to have been
 * checked before.
 * @throws GhostError `bad_signature`, `bad_ledger`, `too_large`
 */
export async function checkEntry(
  jws: string,
  { place, verified = false }: { place: string; verified?: boolean },
): Promise<CheckedEntry> {
  const options = { typ: LEDGER_TYP, place };
  const { key, payload } = verified ? readVerifiedJws(jws, options) : await verifyJws(jws, options);
  const entry = parse(ledgerEntry, payload, place, "bad_ledger");
  const { body } = payload as { body: object };
  const { net, kind, iat } = entry;
  const approvals = entry.approvals === undefined
    ? null
    : await readApprovals({ net, kind, body }, entry.approvals, { place, iat, verified });
  const revokesNode = entry.kind === "revoke" && entry.body.what === "node" && key32.safeParse(entry.body.key).success;
  const node = revokesNode ? await nodeIdOf(entry.body.key) : undefined;
  return { jws, place, hash: await hashOf(jws), signer: key, entry, approvals, node };
}
