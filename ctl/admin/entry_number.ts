/** The number of a ledger entry on the command line. */
import type { Call } from "../call.ts";

/** Undefined when none was given. @throws UsageError */
export function entryNumber(call: Call, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw call.wrong(`Expected the number of a ledger entry, got "${text}"`, "see: ghostctl policy history");
}
