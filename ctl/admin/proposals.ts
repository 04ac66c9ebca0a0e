/** Changes that need more than one admin: proposed by one, checked and signed by others, carried out by the last. */
import { proposalId, readApprovals, signApproval } from "../../mesh/trust/approval.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { type Change, change as changeSchema } from "../../mesh/wire/proposal.ts";
import { parse } from "../../mesh/wire/schema.ts";
import { unixTime } from "./host.ts";
import type { AdminNetwork, Draft } from "./network.ts";

/** A proposal whose consents hold. */
export interface Pending {
  id: string;
  base: string;
  change: Change;
  /** Admins who have consented, by key, with their consents. */
  consents: Map<string, string>;
}

/** How a change ended: it is in the ledger, or waits under an id for so many more admins. */
export type Outcome = { ledger: Ledger; pending: null } | { ledger: Ledger; pending: Pending & { missing: number } };

/** The proposals that wait, each checked: what does not hold is left out. */
export async function pendingOf(network: AdminNetwork, ledger: Ledger): Promise<Pending[]> {
  const net = ledger.network.id;
  const all: Pending[] = [];
  for (const { base, change, approvals } of await network.client.proposals()) {
    const { kind, body } = change;
    const id = await proposalId({ net, base, kind, body });
    if (ledger.byHash(base) === undefined || ledger.isCarriedOut(id)) continue;
    const consents = new Map<string, string>();
    for (const jws of approvals) {
      const read = await readApprovals({ net, kind, body }, [jws], { place: "approval", iat: unixTime() })
        .catch(() => null);
      const key = read?.base === base ? read.keys[0] : undefined;
      if (key !== undefined && ledger.isAdmin(key)) consents.set(key, jws);
    }
    if (consents.size > 0) all.push({ id, base, change, consents });
  }
  return all;
}

/** Makes a change, or proposes it when others have to consent. */
export async function changeOrPropose(
  network: AdminNetwork,
  draft: (ledger: Ledger) => Change | Promise<Change>,
): Promise<Outcome> {
  const ledger = await network.ledger();
  const wanted = await draft(ledger);
  // In the order of its schema, because that is how it comes back from the coordinator, and its JSON is hashed.
  const change = parse(changeSchema, wanted, "change");
  if (ledger.network.quorum === 1) {
    const done = await network.change(() => change as Draft);
    return { ledger: done.ledger, pending: null };
  }
  return await consentTo(network, { base: ledger.head.hash, change, consents: new Map() });
}

/** Consents to a proposal; the consent that was missing carries it out. */
export async function consentTo(network: AdminNetwork, pending: Omit<Pending, "id">): Promise<Outcome> {
  const ledger = await network.ledger();
  const { admin } = network.known;
  const { base, change } = pending;
  const { kind, body } = change;
  const net = ledger.network.id;
  const id = await proposalId({ net, base, kind, body });
  const others = [...pending.consents].filter(([key]) => key !== admin.public);
  const missing = ledger.network.quorum - others.length - 1;
  if (missing <= 0) {
    const approvals = others.map(([, jws]) => jws);
    const done = await network.changeAll((now) => {
      if (now.isCarriedOut(id)) throw new GhostError("ledger_moved", "Another admin has carried this out already");
      return [change as Draft];
    }, { approvals });
    return { ledger: done.ledger, pending: null };
  }
  const approval = await signApproval({ net, base, kind, body }, { key: admin, iat: unixTime() });
  await network.client.propose({ base, change, approval });
  const consents = new Map([...others, [admin.public, approval] as const]);
  return { ledger, pending: { id, base, change, consents, missing } };
}
