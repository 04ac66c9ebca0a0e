/** The checks of an entry that depend on the chain it continues, and of the one that a chain begins with. */
import { GhostError } from "../wire/errors.ts";
import type { LedgerHead } from "../wire/ledger.ts";
import { networkPrefix6 } from "./address.ts";
import { QUORUM_KINDS } from "./approval.ts";
import { networkIdOf } from "./keys.ts";
import type { CheckedEntry } from "./ledger_entry.ts";
import { LedgerState } from "./ledger_state.ts";
import { bad } from "./ledger_types.ts";

/**
 * Checks that an entry founds a network, `net` if that is given.
 * @throws GhostError `wrong_network`, `bad_ledger`
 */
export async function checkGenesis(
  { jws, place, signer, entry }: CheckedEntry,
  net: string | undefined,
): Promise<{ id: string; state: LedgerState }> {
  const id = await networkIdOf(jws);
  if (net !== undefined && id !== net) {
    throw new GhostError("wrong_network", `Expected network ${net}, found ${id}`, { place });
  }
  if (entry.kind !== "genesis") throw bad("A ledger begins with genesis", `${place}.kind`);
  const { seq, prev, net: claimed, approvals, body } = entry;
  if (seq !== 0 || prev !== "" || claimed !== "" || approvals !== undefined) {
    throw bad("Genesis has seq 0, no prev, no net and no approvals", place);
  }
  const state = new LedgerState(body, await networkPrefix6(id));
  if (!state.admins.has(signer)) throw bad("Signed by a key that is not an admin", place);
  return { id, state };
}

/**
 * Checks that an entry continues the chain at `head`.
 * @param o `byAdmin`: signed by an admin in force; `moved`: what an entry for another place is refused with
 * @throws GhostError `ledger_fork` when an admin signed it for a place that is taken, `bad_ledger`, `ledger_moved`
 */
export function checkPlace(
  { entry, place, signer }: CheckedEntry,
  { seq: head, hash }: LedgerHead,
  { byAdmin, moved }: { byAdmin: boolean; moved: "ledger_moved" | "bad_ledger" },
): void {
  if (entry.seq <= head && moved === "ledger_moved") {
    if (!byAdmin) throw bad("Signed by a key that is not an admin", place);
    throw new GhostError("ledger_fork", `Admin ${signer} signed a second entry ${entry.seq}`, {
      place: `${place}.seq`,
      mend: "keep both entries as proof and find out who uses that key",
    });
  }
  const mend = moved === "ledger_moved" ? { mend: "fetch the entries in between and sign anew" } : {};
  if (entry.seq !== head + 1) {
    throw new GhostError(moved, `Expected entry ${head + 1}, found ${entry.seq}`, { place: `${place}.seq`, ...mend });
  }
  if (entry.prev !== hash) {
    throw new GhostError(moved, `Does not follow entry ${head}`, { place: `${place}.prev`, ...mend });
  }
}

/** What the consents of an entry are checked against. */
export interface ConsentContext {
  isAdmin(key: string): boolean;
  isCarriedOut(proposal: string): boolean;
  readonly network: { readonly quorum: number };
}

/**
 * Checks the consents that an entry carries and those that its kind needs.
 * @param isKnown whether a hash is one of the chain's
 * @throws GhostError `bad_ledger`
 */
export function checkConsents(
  { entry, place, signer, approvals }: CheckedEntry,
  ledger: ConsentContext,
  isKnown: (hash: string) => boolean,
): void {
  const keys = approvals?.keys ?? [];
  const consenting = new Set([signer, ...keys]);
  if (consenting.size !== keys.length + 1) throw bad("An admin consents twice", `${place}.approvals`);
  for (const [i, key] of keys.entries()) {
    if (!ledger.isAdmin(key)) throw bad("Consent of a key that is not an admin", `${place}.approvals[${i}]`);
  }
  if (approvals && !isKnown(approvals.base)) throw bad("Consents on the base of another chain", `${place}.approvals`);
  if (approvals && ledger.isCarriedOut(approvals.id)) {
    throw bad("This proposal was carried out before", `${place}.approvals`);
  }
  const { quorum } = ledger.network;
  if (QUORUM_KINDS.has(entry.kind) && consenting.size < quorum) {
    throw bad(`Needs the consent of ${quorum} admins, has ${consenting.size}`, `${place}.approvals`);
  }
}
