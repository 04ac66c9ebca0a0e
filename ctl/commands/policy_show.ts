/** `ghostctl policy show [SEQ]` */
import { AdminNetwork } from "../admin/network.ts";
import { signedPolicy } from "../admin/policies.ts";
import { entryNumber } from "../admin/entry_number.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const { body, ...row } = await signedPolicy(await network.ledger(), entryNumber(call, call.args[0]));
  const { source, computed = null, files = {} } = body;
  call.out.answer({ ...row, source, computed, files }, () => {
    const text = printable(source, { lines: true }).trimEnd();
    if (computed === null) return text;
    return `${text}\n\n# --- what it computed when it was signed; this is what holds ---\n\n${
      printable(computed, { lines: true }).trimEnd()
    }`;
  });
}
