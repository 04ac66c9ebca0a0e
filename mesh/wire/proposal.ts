/**
 * Changes that wait for the consent of more admins (trust/approval.ts), as the coordinator keeps them. It is a notice board:
 * whoever signs checks what stands there, and nothing takes effect before a whole entry is in the ledger.
 *
 * | request | by | answer |
 * |---|---|---|
 * | GET /v1/proposals | admin | ProposalList |
 * | POST /v1/proposals | admin | ProposalRequest -> {id}; a proposal that is there already gets one consent more |
 */
import { adminBody, resolveBody } from "./ledger.ts";
import { jws, key32, z } from "./schema.ts";

/** Proposals that wait at once, and consents to one. */
export const MAX_PROPOSALS = 64;

/** What is proposed. Bodies are hashed as JSON, in the order of their schema, which reading them restores. */
export const change = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("admin"), body: adminBody }),
  z.strictObject({ kind: z.literal("resolve"), body: resolveBody }),
]);
export type Change = z.infer<typeof change>;

/** `base` is the hash of the ledger's head when it was proposed. */
export const proposalRequest = z.strictObject({ base: key32, change, approval: jws });
/** A proposal and the consents to it so far. */
export const proposal = z.object({ id: key32, base: key32, change, approvals: z.array(jws).min(1).max(64) });
export type WireProposal = z.infer<typeof proposal>;
/** All that wait. */
export const proposalList = z.object({ proposals: z.array(proposal).max(MAX_PROPOSALS) });
/** The proposal that a request made, or joined. */
export const proposalAnswer = z.object({ id: key32 });
