/** `ghostctl nodes revoke NAME` */
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { revokeMachine } from "../admin/revoke.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  await revokeMachine(call, {
    what: "node",
    find: (network, ledger, wanted) => network.nodeOrOut(ledger, wanted),
    effect: "every machine closes its tunnel",
    guard: async ({ key, name }) => {
      if (call.flag("yes") || await ownId(call) !== await nodeIdOf(key)) return;
      throw call.wrong(
        `${name} is this machine, and it would be out of the network for good`,
        `if that is meant: ghostctl nodes revoke ${name} --yes`,
      );
    },
  });
}

/** The id of the machine that this is typed on; null when no daemon here tells. */
async function ownId(call: Call): Promise<string | null> {
  const like = { self: { id: "" } };
  return await askDaemon<typeof like>(call, { method: "GET", path: "/v1/status", like })
    .then(({ self }) => self.id, () => null);
}
