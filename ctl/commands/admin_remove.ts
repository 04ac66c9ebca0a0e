/** `ghostctl admin remove NAME|KEY` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { report } from "../admin/outcome.ts";
import { changeOrPropose } from "../admin/proposals.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const wanted = call.args[0]!;
  const given = call.count("quorum", { min: 1, max: 64, otherwise: 0 });
  const network = await AdminNetwork.open(call);
  const outcome = await changeOrPropose(network, ({ admins, network: { quorum } }) => {
    const fitting = [...admins].filter(([key, { name }]) => key === wanted || name === wanted);
    if (fitting.length === 0) {
      throw new GhostError("not_found", `No admin "${wanted}"`, { mend: "see: ghostctl admin list" });
    }
    if (fitting.length > 1) {
      throw new GhostError("bad_input", `Several admins are called "${wanted}"`, { mend: "name the key" });
    }
    const [key, { name }] = fitting[0]!;
    const left = admins.size - 1;
    if (left === 0) {
      throw new GhostError("bad_input", `${wanted} is the last admin, and a network needs one`, {
        mend: "make somebody else an admin before: ghostctl admin add KEY --name NAME",
      });
    }
    if (given > left) throw call.bad("quorum", `At most ${left}, as many as there would be admins, got ${given}`);
    return {
      kind: "admin",
      body: { op: "remove", key, name, quorum: given || Math.min(quorum, left) },
    };
  });
  report(call, outcome, `${wanted} is an admin no more`);
}
