/** `ghostctl policy push FILE` */
import { hashOf } from "../../mesh/trust/keys.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import { AdminNetwork } from "../admin/network.ts";
import { policyBody, readPolicyFile } from "../admin/policy_file.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const file = call.args[0]!;
  const checked = await readPolicyFile(file, call);
  const body = policyBody(checked);
  const network = await AdminNetwork.open(call);
  const { ledger, changed } = await network.change(({ policy }) =>
    policy && isSame(policy, body) ? null : { kind: "policy", body }
  );
  call.out.answer(
    { changed, sha256: await hashOf(checked.source), ledgerSeq: ledger.head.seq },
    () => changed ? `${file} is in force (ledger entry ${ledger.head.seq})` : `${file} is in force already`,
  );
}

function isSame(a: LedgerBody<"policy">, b: LedgerBody<"policy">): boolean {
  const names = Object.keys({ ...a.files, ...b.files });
  return a.format === b.format && a.source === b.source && names.every((name) => a.files?.[name] === b.files?.[name]);
}
