/** `ghostctl policy diff FILE` */
import { AdminNetwork } from "../admin/network.ts";
import { compileWith, policyOf, signedPolicy } from "../admin/policies.ts";
import { firewallDiff, firewallDiffLine } from "../admin/firewall_diff.ts";
import { diffLine, policyDiff } from "../admin/policy_diff.ts";
import { readPolicyFile } from "../admin/policy_file.ts";
import { settingsDiff } from "../admin/settings_diff.ts";
import { putsOutLines, withoutTokens } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const { policy } = await readPolicyFile(call.args[0]!, call);
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const now = await signedPolicy(ledger, undefined);
  const { nodes, refused } = await network.nodes(ledger);
  for (const { error } of refused) call.out.remark(`a record that does not hold is left out: ${error.line}`);
  const old = policyOf(now);
  const tokens = withoutTokens(old.admit, policy.admit);
  if (tokens !== null) call.out.remark(tokens);
  const under = await network.under(policy, ledger);
  const [before, after] = [compileWith(old, ledger, nodes), compileWith(policy, ledger, under.nodes)];
  const changes = policyDiff(before, after);
  const firewall = firewallDiff(before, after);
  const settings = settingsDiff(before, after);
  call.out.answer(
    { base: { seq: now.seq, sha256: now.sha256 }, putsOut: under.putsOut, changes, firewall, settings },
    () =>
      [
        ...putsOutLines(under.putsOut).map((line) => `puts out ${line}`),
        ...(changes.length + under.putsOut.length === 0
          ? ["nothing opens or closes between the machines that there are"]
          : []),
        ...changes.map(diffLine),
        ...firewall.map(firewallDiffLine),
        ...settings,
      ].map((line) => printable(line)).join("\n"),
  );
}
