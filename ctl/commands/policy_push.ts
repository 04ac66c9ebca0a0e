/** `ghostctl policy push FILE` */
import { hashOf } from "../../mesh/trust/keys.ts";
import { AdminNetwork } from "../admin/network.ts";
import { readPolicyFile } from "../admin/policy_file.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const file = call.args[0]!;
  const { source } = await readPolicyFile(file, call);
  const network = await AdminNetwork.open(call);
  const { ledger, changed } = await network.change(({ policy }) =>
    policy?.format === "toml" && policy.source === source ? null : { kind: "policy", body: { format: "toml", source } }
  );
  call.out.answer(
    { changed, sha256: await hashOf(source), ledgerSeq: ledger.head.seq },
    () => changed ? `${file} is in force (ledger entry ${ledger.head.seq})` : `${file} is in force already`,
  );
}
