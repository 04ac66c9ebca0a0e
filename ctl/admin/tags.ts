/** What an admin should know of tags that machines get. */
import { policyInForce } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { Call } from "../call.ts";

/** Remarks on tags that the policy in force does not know: they are given all the same, since a later policy may name them. */
export function remarkUnknownTags(call: Call, tags: readonly string[], { policy }: Ledger): void {
  if (tags.length === 0 || policy === null) return;
  const known = policyInForce(policy).policy?.tags;
  const strange = known === undefined ? [] : tags.filter((tag) => !known.has(tag));
  if (strange.length === 0) return;
  const all = strange.join(", ");
  call.out.remarkOnce(`the policy in force knows no ${all}, so no rule names it; define it there: [tags]`);
}
