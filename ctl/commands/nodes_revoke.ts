/** `ghostctl nodes revoke NAME` */
import { revokeMachine } from "../admin/revoke.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  await revokeMachine(call, {
    what: "node",
    find: (network, ledger, wanted) => network.nodeOrOut(ledger, wanted),
    effect: "every machine closes its tunnel",
  });
}
