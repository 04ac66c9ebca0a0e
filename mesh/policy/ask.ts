/** Questions that others ask a policy before they act. */
import { type AdmitRule, DEFAULT_ADMIT } from "../wire/admit.ts";
import { GhostError } from "../wire/errors.ts";
import { parsePolicy } from "./parse.ts";
import { intersect, isBad, parsePrefix } from "./prefix.ts";
import type { Policy } from "./types.ts";

/** True when some rule reaches into this prefix or lets it reach somebody: without one, carrying it is of no use. */
export function usesPrefix(policy: Policy, prefix: string): boolean {
  const range = parsePrefix(prefix);
  if (isBad(range)) return false;
  return policy.rules.some(({ from, to }) =>
    [...from, ...to].some((selector) => selector.kind === "addresses" && intersect(selector.range, range))
  );
}

/** The signed policy as the ledger holds it. */
export interface SignedPolicy {
  format: "toml" | "ts";
  source: string;
  files?: Readonly<Record<string, string>> | undefined;
}

/**
 * The ways in by the newest signed policy, for those who check admissions and need no more of it. A policy that cannot be
 * read changes nothing: the rules before it stay, and without any before nobody is let in.
 */
export class AdmitRules {
  #source: SignedPolicy | null = null;
  #rules: readonly AdmitRule[] = [];

  of(policy: SignedPolicy | null): readonly AdmitRule[] {
    if (policy === null) return DEFAULT_ADMIT;
    if (policy === this.#source) return this.#rules;
    this.#source = policy;
    try {
      if (policy.format === "toml") this.#rules = parsePolicy(policy.source, { files: policy.files ?? {} }).admit;
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
    }
    return this.#rules;
  }
}

/** Keys that a signed policy lets sign `issuer` entries of the ledger besides the admins'; a policy that cannot be read names none. */
export function issuerSigners(policy: SignedPolicy, issuer: string): readonly string[] {
  return new AdmitRules().of(policy).flatMap((rule) =>
    rule.method === "oidc" && rule.issuer === issuer ? rule.watchers : []
  );
}
