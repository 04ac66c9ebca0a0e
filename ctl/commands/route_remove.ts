/** `ghostctl route remove PREFIX [via NAME]` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork, namesOf } from "../admin/network.ts";
import { readRoutePrefix } from "../admin/prefix.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const prefix = readRoutePrefix(call.args[0]!, call).text;
  const name = call.args[2];
  const network = await AdminNetwork.open(call);
  let gone: { prefix: string; via: string; node: string } | undefined;
  const { ledger } = await network.change(async (ledger) => {
    // Also a machine that left may still carry a route, so the name is looked up but not needed.
    const nameOf = namesOf((await network.nodes(ledger)).nodes);
    const carried = ledger.routes.filter((r) => r.prefix === prefix || r.lan === prefix);
    const fitting = carried.filter((r) =>
      name === undefined || r.node === name || nameOf(r.node) === name.toLowerCase()
    );
    if (fitting.length === 0) {
      throw new GhostError("not_found", `No route ${prefix}${name === undefined ? "" : ` via "${name}"`}`, {
        mend: "see: ghostctl route list",
      });
    }
    if (fitting.length > 1) {
      throw new GhostError("bad_input", `Several machines carry ${prefix}`, {
        mend: `say which: ${fitting.map((r) => `via ${nameOf(r.node)}`).join(", ")}`,
      });
    }
    const route = fitting[0]!;
    gone = { prefix: route.prefix, via: nameOf(route.node), node: route.node };
    return { kind: "route", body: { ...route, op: "remove" } };
  });
  call.out.answer(
    { changed: true, route: gone, ledgerSeq: ledger.head.seq },
    () => `${prefix} no longer goes via ${gone!.via} (ledger entry ${ledger.head.seq})`,
  );
}
