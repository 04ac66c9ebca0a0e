/** `ghostctl gate revoke NAME` */
import { findGate } from "../admin/gates_by_name.ts";
import { revokeMachine } from "../admin/revoke.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  await revokeMachine(call, {
    what: "gate",
    find: async (network, ledger, wanted) => findGate((await network.gates(ledger)).gates, wanted),
    effect: "every machine leaves it",
  });
}
