/** `ghostctl gate revoke NAME` */
import { revokeMachine } from "../admin/revoke.ts";
import { theOne } from "../admin/the_one.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  await revokeMachine(call, {
    what: "gate",
    find: async (network, ledger, wanted) => {
      const { gates } = await network.gates(ledger);
      return theOne(gates, wanted, { what: "gate", see: "ghostctl gate list" });
    },
    effect: "every machine leaves it",
  });
}
