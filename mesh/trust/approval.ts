/**
 * Consents of other admins, for changes that need a quorum.
 *
 * A consent names what it is for (network, kind, body) and `base`, the ledger's head when it was proposed; not the place
 * where the entry will stand, because then a single admin could hinder every change by appending something else first. So
 * that a consent counts for one change only: an entry must come after `base` in the same chain, within APPROVAL_LIFE of each
 * consent's date, and one proposal (the same base and body) is carried out once (ledger.ts).
 */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { APPROVAL_TYP, type LedgerKind } from "../wire/ledger.ts";
import { key32, networkId, parse, seconds, z } from "../wire/schema.ts";
import { readVerifiedJws, signJws, verifyJws } from "./jws.ts";
import { hashOf, type SigningKey } from "./keys.ts";
import { bad } from "./ledger_types.ts";

/** Kinds that take effect only with the consent of as many admins as the quorum asks for. */
export const QUORUM_KINDS: ReadonlySet<LedgerKind> = new Set<LedgerKind>(["admin", "resolve"]);
/** A consent counts this long, in seconds. */
export const APPROVAL_LIFE = 14 * 86_400;
const MAX_APPROVAL = 4096;

const claims = z.strictObject({
  net: networkId,
  base: key32,
  iat: seconds,
  kind: z.string().max(16),
  /** SHA-256 of the body's JSON. */
  body: key32,
});

/** A change before it is signed; `body` exactly as the entry will carry it, because its JSON is hashed. */
export interface Proposal {
  net: string;
  /** Hash of the ledger's head when it was proposed. */
  base: string;
  kind: LedgerKind;
  body: object;
}

/** What the consents of one entry amount to. */
export interface Approvals {
  /** Who consents, in the order given. Whether they are admins is the ledger's to say. */
  keys: string[];
  base: string;
  /** Name of the proposal: the same for the same change on the same base. */
  id: string;
}

/** The proposal's name: a hash over all that it says. */
export async function proposalId({ net, base, kind, body }: Proposal): Promise<string> {
  return await hashOf(JSON.stringify([net, base, kind, await hashOf(JSON.stringify(body))]));
}

/** An admin's consent to a change that another admin proposes; `iat` in seconds. */
export async function signApproval(proposal: Proposal, o: { key: SigningKey; iat: number }): Promise<string> {
  const { net, base, kind, body } = proposal;
  const payload = { net, base, iat: o.iat, kind, body: await hashOf(JSON.stringify(body)) };
  return await signJws(payload, { typ: APPROVAL_TYP, key: o.key });
}

/** How consents are read: `verified` only for those of an entry that was checked before. */
export interface ReadApprovalOptions {
  place: string;
  /** Date of the entry, seconds. */
  iat: number;
  verified?: boolean;
}

/**
 * Reads the consents of an entry; all must be to this very change, on one base.
 * @throws GhostError `bad_signature`, `bad_ledger`
 */
export async function readApprovals(
  change: Omit<Proposal, "base">,
  approvals: readonly string[],
  o: ReadApprovalOptions,
): Promise<Approvals | null> {
  const body = await hashOf(JSON.stringify(change.body));
  const read = await Promise.all(approvals.map(async (jws, i) => {
    const place = `${o.place}.approvals[${i}]`;
    const options = { typ: APPROVAL_TYP, max: MAX_APPROVAL, place };
    const { key, payload } = o.verified ? readVerifiedJws(jws, options) : await verifyJws(jws, options);
    const c = parse(claims, payload, place, "bad_ledger");
    if (c.net !== change.net || c.kind !== change.kind || c.body !== body) {
      throw bad("Consents to something else", place);
    }
    if (o.iat > c.iat + APPROVAL_LIFE) throw bad("This consent has expired", place);
    if (c.iat > o.iat + MAX_CLOCK_SKEW) throw bad("Dated after the entry", place);
    return { key, base: c.base, place };
  }));
  const base = read[0]?.base;
  if (base === undefined) return null;
  for (const r of read) if (r.base !== base) throw bad("Consents to something else", r.place);
  return { keys: read.map((r) => r.key), base, id: await proposalId({ ...change, base }) };
}
