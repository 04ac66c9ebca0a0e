/** `ghostctl policy diff FILE` */
import { AdminNetwork } from "../admin/network.ts";
import { changeLines, policyChanges } from "../admin/policy_changes.ts";
import { readPolicyFile } from "../admin/policy_file.ts";
import { withoutTokens } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const { policy } = await readPolicyFile(call.args[0]!, call);
  const network = await AdminNetwork.open(call);
  const { base: { seq, sha256, policy: old }, refused, ...told } = await policyChanges(policy, {
    network,
    ledger: await network.ledger(),
  });
  for (const { error } of refused) call.out.remark(`a record that does not hold is left out: ${error.line}`);
  const tokens = withoutTokens(old.admit, policy.admit);
  if (tokens !== null) call.out.remark(tokens);
  call.out.answer({ base: { seq, sha256 }, ...told }, () => {
    const same = told.changes.length + told.putsOut.length === 0;
    return [
      ...(same ? ["nothing opens or closes between the machines that there are"] : []),
      ...changeLines(told),
    ].join("\n");
  });
}
