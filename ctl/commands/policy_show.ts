/** `ghostctl policy show [SEQ]` */
import { AdminNetwork } from "../admin/network.ts";
import { signedPolicy } from "../admin/policies.ts";
import { entryNumber } from "../admin/entry_number.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const { body, ...row } = await signedPolicy(await network.ledger(), entryNumber(call, call.args[0]));
  const { source, computed = null, files = {}, imports = {} } = body;
  call.out.answer({ ...row, source, computed, files, imports }, () => {
    const text = printable(source, { lines: true }).trimEnd();
    if (computed === null) return text;
    const imported = Object.entries(imports).map(([name, part]) =>
      `\n\n// --- ${printable(name)}, imported by it ---\n\n${printable(part, { lines: true }).trimEnd()}`
    );
    return `${text}${imported.join("")}\n\n# --- what it computed when it was signed; this is what holds ---\n\n${
      printable(computed, { lines: true }).trimEnd()
    }`;
  });
}
