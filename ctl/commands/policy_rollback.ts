/** `ghostctl policy rollback SEQ`: signs an earlier policy anew. */
import { runPolicyTests } from "../../mesh/policy/mod.ts";
import { AdminNetwork } from "../admin/network.ts";
import { entryNumber } from "../admin/entry_number.ts";
import { policyHash, policyOf, signedPolicy } from "../admin/policies.ts";
import { tellChanges } from "../admin/policy_changes.ts";
import { refuseFallen } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const seq = entryNumber(call, call.args[0]!)!;
  const old = await signedPolicy(await network.ledger(), seq);
  const policy = policyOf(old);
  runPolicyTests(policy);
  const { ledger, changed } = await network.change(async (ledger) => {
    const now = ledger.policy === null ? null : await policyHash(ledger.policy);
    if (now === old.sha256) return null;
    if (call.flag("force")) {
      await tellChanges(policy, { call, network, ledger });
    } else {
      const mend = "add --force to put them out";
      refuseFallen(await network.under(policy, ledger), { place: `policy of entry ${seq}`, mend });
    }
    return { kind: "policy", body: old.body };
  });
  call.out.answer(
    { changed, seq, sha256: old.sha256, ledgerSeq: ledger.head.seq },
    () =>
      changed
        ? `the policy of entry ${seq} is in force again (ledger entry ${ledger.head.seq})`
        : "it is in force already",
  );
}
