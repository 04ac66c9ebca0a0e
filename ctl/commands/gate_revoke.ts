/** `ghostctl gate revoke NAME` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { revokeMachine } from "../admin/revoke.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  await revokeMachine(call, {
    what: "gate",
    find: async (network, ledger, wanted) => {
      const fitting = (await network.gates(ledger)).gates.filter(({ id, name }) => id === wanted || name === wanted);
      if (fitting.length === 1) return fitting[0]!;
      const why = fitting.length === 0 ? `No gate "${wanted}"` : `Several gates are called "${wanted}"`;
      throw new GhostError("not_found", why, { mend: "see: ghostctl gate list" });
    },
    effect: "every machine leaves it",
  });
}
