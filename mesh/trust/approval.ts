/** Consents of other admins to an entry, for changes that need a quorum. */
import { GhostError } from "../wire/errors.ts";
import { APPROVAL_TYP, type LedgerEntry, type LedgerKind } from "../wire/ledger.ts";
import { key32, networkId, parse, z } from "../wire/schema.ts";
import { signJws, verifyJws } from "./jws.ts";
import { hashOf, type SigningKey } from "./keys.ts";

/** Kinds that take effect only with the consent of as many admins as genesis asks for. */
export const QUORUM_KINDS: ReadonlySet<LedgerKind> = new Set<LedgerKind>(["admin"]);

const claims = z.strictObject({
  net: networkId,
  seq: z.int().min(1),
  prev: key32,
  kind: z.string().max(16),
  /** SHA-256 of the body's JSON. */
  body: key32,
});

/** An entry before it is signed; `body` exactly as the entry will carry it, because its JSON is hashed. */
export type Proposal = Pick<LedgerEntry, "net" | "seq" | "prev" | "kind"> & { body: object };

async function claimsOf(o: Proposal): Promise<z.infer<typeof claims>> {
  return { net: o.net, seq: o.seq, prev: o.prev, kind: o.kind, body: await hashOf(JSON.stringify(o.body)) };
}

/** An admin's consent to an entry that another admin proposes. */
export async function signApproval(proposal: Proposal, key: SigningKey): Promise<string> {
  return await signJws(await claimsOf(proposal), { typ: APPROVAL_TYP, key });
}

/**
 * The keys whose signatures consent to a proposal, in the order given. Whether they are admins is the ledger's to say.
 * @throws GhostError `bad_signature`, `bad_ledger`
 */
export async function readApprovals(proposal: Proposal, approvals: string[], place: string): Promise<string[]> {
  const expected = JSON.stringify(await claimsOf(proposal));
  return await Promise.all(approvals.map(async (jws, i) => {
    const at = `${place}.approvals[${i}]`;
    const { key, payload } = await verifyJws(jws, { typ: APPROVAL_TYP, max: 4096, place: at });
    if (JSON.stringify(parse(claims, payload, at, "bad_ledger")) !== expected) {
      throw new GhostError("bad_ledger", "Consents to something else", { place: at });
    }
    return key;
  }));
}
