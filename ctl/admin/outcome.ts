/** Says how a change ended that may have to wait for other admins. */
import type { Call } from "../call.ts";
import type { Outcome } from "./proposals.ts";

/** `done` is told when the change is in force. */
export function report(call: Call, { ledger, pending }: Outcome, done: string): void {
  const ledgerSeq = ledger.head.seq;
  call.out.answer(
    { changed: pending === null, pending: pending && { id: pending.id, missing: pending.missing }, ledgerSeq },
    () =>
      pending === null
        ? `${done} (ledger entry ${ledgerSeq})`
        : `nothing has changed yet: ${pending.missing} more ${
          pending.missing === 1 ? "admin has" : "admins have"
        } to type: ghostctl sign ${pending.id}`,
  );
}
