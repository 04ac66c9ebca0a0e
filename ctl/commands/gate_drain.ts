/** `ghostctl gate drain NAME` */
import { AdminNetwork } from "../admin/network.ts";
import { theOne } from "../admin/the_one.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const wanted = call.args[0]!;
  const on = !call.flag("off");
  const network = await AdminNetwork.open(call);
  let gate = { key: wanted, name: wanted };
  let others = 0;
  const { ledger, changed } = await network.change(async (ledger) => {
    const { gates } = await network.gates(ledger);
    const { key, name } = theOne(gates, wanted, { what: "gate", see: "ghostctl gate list" });
    gate = { key, name };
    others = gates.filter((g) => g.key !== key && !g.draining).length;
    if (ledger.isDraining(key) === on) return null;
    return { kind: "drain", body: { gate: key, on } };
  });
  call.out.answer({ changed, ...gate, draining: on, others, ledgerSeq: ledger.head.seq }, () => {
    const now = on ? `${gate.name} is being emptied: machines go to another gate` : `${gate.name} is used again`;
    return changed ? `${now} (ledger entry ${ledger.head.seq})` : `${gate.name} is ${on ? "" : "not "}drained already`;
  });
  if (on && others === 0) {
    call.out.remark(
      `there is no other gate, so ${gate.name} goes on serving until there is one: ghostctl token create --gate`,
    );
  }
}
