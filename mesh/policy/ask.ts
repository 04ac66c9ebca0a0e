/** Questions that others ask a policy before they act. */
import { type AdmitRule, DEFAULT_ADMIT } from "../wire/admit.ts";
import { GhostError } from "../wire/errors.ts";
import { parsePolicy } from "./parse.ts";
import { intersect, isBad, parsePrefix } from "./prefix.ts";
import { runPolicyTests } from "./tests_run.ts";
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
  /** The document that a policy.ts produced when it was signed. */
  computed?: string | undefined;
  files?: Readonly<Record<string, string>> | undefined;
  /** The one that it took the place of. */
  readonly before?: SignedPolicy | null;
}

/**
 * The document that counts: the source itself, or what a policy.ts produced. Nobody runs a signed policy.ts again.
 * @throws GhostError `bad_policy` when it was signed without its output
 */
function documentOf({ format, source, computed }: SignedPolicy): string {
  if (format === "toml") return source;
  if (computed !== undefined) return computed;
  throw new GhostError("bad_policy", "A policy.ts was signed without the document that it computes", {
    place: "policy.computed",
    mend: "sign it again with: ghostctl policy push policy.ts",
  });
}

/** Reads a signed policy. @throws GhostError `bad_policy` */
export function readSigned(signed: SignedPolicy, file?: string): Policy {
  return parsePolicy(documentOf(signed), { files: signed.files ?? {}, ...(file === undefined ? {} : { file }) });
}

/**
 * The newest signed policy that can be read and passes its own tests, from `newest` back through the chain: whoever holds the
 * chain comes to the same one, whenever it was started.
 * @returns `fault`: why the newest cannot be used, null when it is the one in force
 */
export function policyInForce<S extends SignedPolicy>(
  newest: S & { readonly before?: S | null },
): { policy: Policy; signed: S; fault: unknown } | { policy: null; signed: null; fault: unknown } {
  let fault: unknown = null;
  for (let signed: S | null | undefined = newest; signed; signed = signed.before as S | null | undefined) {
    try {
      const policy = readSigned(signed, "policy");
      runPolicyTests(policy);
      return { policy, signed, fault };
    } catch (error) {
      fault ??= error;
    }
  }
  return { policy: null, signed: null, fault };
}

/**
 * The ways in by the newest signed policy, for those who check admissions and need no more of it. A policy that cannot be
 * used changes nothing: the rules before it stay, and without any before nobody is let in.
 */
export class AdmitRules {
  #source: SignedPolicy | null = null;
  #rules: readonly AdmitRule[] = [];

  of(policy: SignedPolicy | null): readonly AdmitRule[] {
    if (policy === null) return DEFAULT_ADMIT;
    if (policy === this.#source) return this.#rules;
    this.#source = policy;
    return this.#rules = policyInForce(policy).policy?.admit ?? [];
  }
}

/** Keys that a signed policy lets sign `issuer` entries of the ledger besides the admins'; a policy that cannot be read names none. */
export function issuerSigners(policy: SignedPolicy, issuer: string): readonly string[] {
  let admit: readonly AdmitRule[];
  try {
    admit = readSigned(policy).admit;
  } catch (error) {
    if (error instanceof GhostError) return [];
    throw error;
  }
  return admit.flatMap((rule) => rule.method === "oidc" && rule.issuer === issuer ? rule.watchers : []);
}
