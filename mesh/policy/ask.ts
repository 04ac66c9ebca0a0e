/** Questions that others ask a policy before they act. */
import { intersect, isBad, parsePrefix } from "./prefix.ts";
import type { AdmissionProof } from "../wire/record.ts";
import type { Policy } from "./types.ts";

/** True when some rule reaches into this prefix or lets it reach somebody: without one, carrying it is of no use. */
export function usesPrefix(policy: Policy, prefix: string): boolean {
  const range = parsePrefix(prefix);
  if (isBad(range)) return false;
  return policy.rules.some(({ from, to }) =>
    [...from, ...to].some((selector) => selector.kind === "addresses" && intersect(selector.range, range))
  );
}

/** What `[[admit]]` calls the way in of each kind of admission proof. */
export const METHODS = { token: "static", oidc: "oidc", x509: "mtls" } as const satisfies Record<
  AdmissionProof["kind"],
  string
>;

/** True when the policy lets machines in by this method. A policy without `[[admit]]` lets join tokens in ("static") and nothing else. */
export function admits(policy: Policy, method: string): boolean {
  return policy.admit === null ? method === "static" : policy.admit.includes(method);
}
