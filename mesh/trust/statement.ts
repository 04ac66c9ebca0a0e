/** What node records and gate records have in common. */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import type { AdmissionContext } from "./admission/admission.ts";
import { looksLikeId } from "./ledger_state.ts";

/** Longest record that is looked at, in characters; it has to fit into a control message beside a proof. */
export const MAX_RECORD = 60_000;

/** What records are judged by. */
export type RecordContext = Omit<AdmissionContext, "key">;

/**
 * Checks the network, the times, and that the name is not taken for an id.
 * @throws GhostError `wrong_network`, `clock_skew`, `bad_record`
 */
export function checkStatement(
  record: { net: string; iat: number; exp: number; name: string },
  { ledger, now }: Pick<RecordContext, "ledger" | "now">,
): void {
  const { id } = ledger.network;
  if (record.net !== id) {
    throw new GhostError("wrong_network", `Expected network ${id}, found ${record.net}`, { place: "record.net" });
  }
  if (record.iat > now + MAX_CLOCK_SKEW) {
    const mend = "set the clock of that machine, or of this one";
    throw new GhostError("clock_skew", `Signed ${record.iat - now} s in the future`, { place: "record.iat", mend });
  }
  if (record.exp <= now) throw badRecord(`Expired at ${time(record.exp)}`, "record.exp");
  if (looksLikeId(record.name)) throw badRecord("A name must not look like an id", "record.name");
}

/** A record that contradicts the ledger or itself. */
export function badRecord(message: string, place: string): GhostError {
  return new GhostError("bad_record", message, { place });
}

/** A time in seconds as people read it. */
export function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
