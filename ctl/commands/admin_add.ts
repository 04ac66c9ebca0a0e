/** `ghostctl admin add KEY --name NAME` */
import { GhostError } from "../../mesh/wire/errors.ts";
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
  const { admins, network: { quorum: now }, head: { seq } } = await network.ledger();
  if (admins.get(key)?.name === name && (quorum || now) === now) {
    call.out.answer({ changed: false, pending: null, ledgerSeq: seq }, () => `${name} is an admin already`);
    return;
  }
  let before: string | undefined;
  const outcome = await changeOrPropose(network, ({ admins, network }) => {
    const holder = [...admins].find(([other, admin]) => other !== key && admin.name === name);
    if (holder) {
      throw new GhostError("name_taken", `"${name}" is the name of another admin, ${holder[0]}`, {
        mend: "choose another name",
      });
    }
    before = admins.get(key)?.name;
    const size = admins.size + (before === undefined ? 1 : 0);
    if (quorum > size) throw call.bad("quorum", `At most ${size}, as many as there would be admins, got ${quorum}`);
    return { kind: "admin", body: { op: "add", key, name, quorum: quorum || network.quorum } };
  });
  const was = before === undefined || before === name ? "" : ` as before, called ${before || key} until now`;
  report(call, outcome, `${name} is an admin${was}`);
}
