/** The end of a membership that an admin has set for one machine. */
import { GhostError } from "../wire/errors.ts";
import type { Ledger } from "./ledger.ts";
import { time } from "./statement.ts";

/** What is said of a machine whose membership an admin has let end by `now`, in seconds since 1970; null while it lasts. */
export function membershipEnd(settings: ReturnType<Ledger["nodeSettings"]>, now: number): GhostError | null {
  if (settings?.expires === undefined || now <= settings.expires) return null;
  return new GhostError("not_admitted", `Membership ended at ${time(settings.expires)}`, {
    place: "record",
    mend: "ask an admin to extend it",
  });
}
