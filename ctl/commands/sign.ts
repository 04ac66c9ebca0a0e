/** `ghostctl sign [PENDING]` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { changeText } from "../admin/change_text.ts";
import { AdminNetwork } from "../admin/network.ts";
import { report } from "../admin/outcome.ts";
import { consentTo, pendingOf } from "../admin/proposals.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const all = await pendingOf(network, ledger);
  const wanted = call.args[0]!;
  const fitting = all.filter(({ id }) => id.startsWith(wanted));
  if (fitting.length !== 1) {
    const waiting = all.map(({ id, change }) => `${id} (${changeText(change)})`).join(", ");
    throw new GhostError(
      "not_found",
      `${fitting.length === 0 ? "Nothing" : "More than one change"} waits as "${wanted}"`,
      {
        place: "PENDING",
        mend: waiting ? `what waits: ${waiting}` : "nothing waits to be signed; see: ghostctl admin list",
      },
    );
  }
  const pending = fitting[0]!;
  call.out.progress(`to be signed: ${changeText(pending.change)}`);
  report(call, await consentTo(network, pending), `carried out: ${changeText(pending.change)}`);
}
