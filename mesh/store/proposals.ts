/** Changes that wait for more consents. They expire by themselves; what they need is checked by whoever writes. */
import { GhostError } from "../wire/errors.ts";
import { type Change, MAX_PROPOSALS } from "../wire/proposal.ts";
import { keys } from "./keys.ts";

const MAX_TRIES = 20;

/** A proposal as it is stored, under its id. */
export interface StoredProposal {
  base: string;
  change: Change;
  approvals: string[];
}

/** Whoever consents: the approval and the admin's key, which consents once. */
export interface Consent {
  approval: string;
  /** True for an approval by the same admin. */
  same(approval: string): boolean;
}

/**
 * Adds a consent to a proposal, which begins with its first one.
 * @throws GhostError `too_many`
 */
export async function consent(
  kv: Deno.Kv,
  net: string,
  o: { id: string; base: string; change: Change; consent: Consent; expireIn: number },
): Promise<void> {
  for (let n = 0; n < MAX_TRIES; n++) {
    const entry = await kv.get<StoredProposal>(keys.proposal(net, o.id));
    if (entry.value === null && (await readProposals(kv, net)).length >= MAX_PROPOSALS) {
      throw new GhostError("too_many", "Too many proposals wait", { mend: "sign them, or wait until they expire" });
    }
    const before = entry.value?.approvals.filter((approval) => !o.consent.same(approval)) ?? [];
    const value: StoredProposal = { base: o.base, change: o.change, approvals: [...before, o.consent.approval] };
    const { expireIn } = o;
    if ((await kv.atomic().check(entry).set(keys.proposal(net, o.id), value, { expireIn }).commit()).ok) return;
  }
  throw new GhostError("too_many", "Too many changes at once", { mend: "try again in a moment" });
}

/** All proposals that wait. */
export async function readProposals(kv: Deno.Kv, net: string): Promise<(StoredProposal & { id: string })[]> {
  const out: (StoredProposal & { id: string })[] = [];
  for await (const { key, value } of kv.list<StoredProposal>({ prefix: keys.proposals(net) })) {
    out.push({ id: String(key.at(-1)), ...value });
  }
  return out;
}
