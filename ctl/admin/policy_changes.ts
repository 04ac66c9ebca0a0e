/** All that a policy would change for those who are there: what `policy diff` tells, and --force before anything is signed. */
import type { Policy } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";
import { firewallDiff, firewallDiffLine, type FirewallDiffRow } from "./firewall_diff.ts";
import type { AdminNetwork } from "./network.ts";
import { compileWith, policyOf, signedPolicy } from "./policies.ts";
import { diffLine, type DiffRow, policyDiff } from "./policy_diff.ts";
import { settingsDiff } from "./settings_diff.ts";
import { type Fallen, putsOutLines, type Refused } from "./verify_records.ts";

/** What differs from the policy in force. */
export interface PolicyChanges {
  /** The policy in force. */
  base: { seq: number; sha256: string; policy: Policy };
  /** Records that do not hold already now. */
  refused: readonly Refused[];
  putsOut: Fallen[];
  changes: DiffRow[];
  firewall: FirewallDiffRow[];
  settings: string[];
}

/** Compares a policy with the one in force. @throws GhostError when that cannot be read here, or there is none */
export async function policyChanges(
  policy: Policy,
  { network, ledger }: { network: AdminNetwork; ledger: Ledger },
): Promise<PolicyChanges> {
  const now = await signedPolicy(ledger, undefined);
  const base = { seq: now.seq, sha256: now.sha256, policy: policyOf(now) };
  const { all, stay, refused, putsOut } = await network.under(policy, ledger);
  const [before, after] = [compileWith(base.policy, ledger, all), compileWith(policy, ledger, stay)];
  const changes = policyDiff(before, after);
  const [firewall, settings] = [firewallDiff(before, after), settingsDiff(before, after)];
  return { base, refused, putsOut, changes, firewall, settings };
}

/** A sentence for each change; who falls out comes first. */
export function changeLines(
  { putsOut, changes, firewall, settings }: Omit<PolicyChanges, "base" | "refused">,
): string[] {
  return [
    ...putsOutLines(putsOut).map((line) => `puts out ${line}`),
    ...changes.map(diffLine),
    ...firewall.map(firewallDiffLine),
    ...settings,
  ].map((line) => printable(line));
}

/** Says on standard error who loses what by a policy that is signed whatever it does, each thing once. */
export async function tellChanges(
  policy: Policy,
  o: { call: Call; network: AdminNetwork; ledger: Ledger },
): Promise<void> {
  let lines: string[];
  try {
    lines = changeLines(await policyChanges(policy, o));
  } catch (error) {
    // --force is the way out of a policy that this ghostctl cannot read, too.
    if (!(error instanceof GhostError) || (error.code !== "bad_policy" && error.code !== "not_found")) throw error;
    const { putsOut } = await o.network.under(policy, o.ledger);
    lines = [
      ...changeLines({ putsOut, changes: [], firewall: [], settings: [] }),
      `which pairs it opens and closes is not known: ${error.line}`,
    ];
  }
  for (const line of lines) o.call.out.remarkOnce(line);
}
