/** `ghostctl admin add KEY --name NAME` */
import { key32 } from "../../mesh/wire/schema.ts";
import { AdminNetwork } from "../admin/network.ts";
import { report } from "../admin/outcome.ts";
import { changeOrPropose } from "../admin/proposals.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const key = call.args[0]!;
  if (!key32.safeParse(key).success) {
    throw call.wrong(`"${key}" is no public key`, "ghostctl admin key, on that admin's machine, prints it");
  }
  const name = call.text("name")!;
  if (name.length > 64) throw call.bad("name", "At most 64 characters");
  const quorum = call.count("quorum", { min: 1, max: 64, otherwise: 0 });
  const network = await AdminNetwork.open(call);
  const outcome = await changeOrPropose(network, (ledger) => ({
    kind: "admin",
    body: { op: "add", key, name, quorum: quorum || ledger.network.quorum },
  }));
  report(call, outcome, `${name} is an admin`);
}
