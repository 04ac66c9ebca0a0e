/** `ghostctl route add PREFIX via NAME` */
import { parsePolicy, usesPrefix } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { AdminNetwork } from "../admin/network.ts";
import { readRoutePrefix, refuseOverlap } from "../admin/prefix.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const prefix = readRoutePrefix(call.args[0]!, call);
  const name = call.args[2]!;
  const metric = call.count("metric", { min: 0, max: 65_535, otherwise: 100 });
  const snat = !call.flag("keep-source");
  const network = await AdminNetwork.open(call);
  let carrier: { id: string; name: string } | undefined;
  const { ledger, changed } = await network.change(async (ledger) => {
    await refuseOverlap(prefix, ledger);
    carrier = await network.node(ledger, name);
    const { id } = carrier;
    const old = ledger.routes.find((r) => r.prefix === prefix.text && r.node === id);
    if (old && old.metric === metric && old.snat === snat) return null;
    return { kind: "route", body: { op: "add", prefix: prefix.text, node: id, metric, snat } };
  });
  const route = { prefix: prefix.text, via: carrier!.name, node: carrier!.id, metric, snat };
  call.out.answer(
    { changed, route, ledgerSeq: ledger.head.seq },
    () =>
      changed
        ? `${route.prefix} goes via ${route.via} (ledger entry ${ledger.head.seq})`
        : `${route.prefix} goes via ${route.via} already`,
  );
  if (!rulesUse(ledger, prefix.text)) {
    call.out.remark(
      `no policy rule names ${prefix.text}, so nobody may use it; add a rule and: ghostctl policy push FILE`,
    );
  }
}

function rulesUse(ledger: Ledger, prefix: string): boolean {
  const { policy } = ledger;
  return policy !== null && usesPrefix(parsePolicy(policy.source, { files: policy.files ?? {} }), prefix);
}
