/** `ghostctl policy push FILE` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { policyHash, Pulled } from "../admin/policies.ts";
import { policyBody, readPolicyFile } from "../admin/policy_file.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const file = call.args[0]!;
  const body = policyBody(await readPolicyFile(file, call));
  const sha256 = await policyHash(body);
  const imports = Object.keys(body.imports ?? {});
  const network = await AdminNetwork.open(call);
  const pulled = new Pulled(network.store, network.known.network.id);
  const base = call.text("base") ?? await pulled.baseOf(file);
  const { ledger, changed } = await network.change(async ({ policy }) => {
    const now = policy === null ? null : await policyHash(policy);
    if (now === sha256) return null;
    if (base !== undefined && now !== base) {
      throw new GhostError(
        "ledger_moved",
        `The policy in force has moved since this file was pulled: it is entry ${policy?.seq}`,
        {
          place: file,
          mend: `look at it with: ghostctl policy diff ${file}; then take it into your file and add --base ${now}`,
        },
      );
    }
    // Before it is signed, and once however often that has to be tried.
    if (imports.length > 0) call.out.remark(`signed with it, for all members to read: ${imports.splice(0).join(", ")}`);
    return { kind: "policy", body };
  });
  await pulled.remember(file, sha256);
  call.out.answer(
    { changed, sha256, ledgerSeq: ledger.head.seq },
    () => changed ? `${file} is in force (ledger entry ${ledger.head.seq})` : `${file} is in force already`,
  );
}
