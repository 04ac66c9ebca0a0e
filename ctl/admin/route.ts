/** Signing a route: `ghostctl route add` and `ghostctl route approve`. */
import { readSigned, usesPrefix } from "../../mesh/policy/mod.ts";
import { networkPrefix6 } from "../../mesh/trust/address.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { refuseOverlap } from "../../mesh/trust/own_ranges.ts";
import type { VerifiedNode } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "./network.ts";
import { readRoutePrefix } from "./prefix.ts";
import type { Call } from "../call.ts";

/**
 * Signs the route that the command line names.
 * @param o.announced only one that the machine itself announces
 */
export async function signRoute(call: Call, o: { announced: boolean }): Promise<void> {
  const behind = readRoutePrefix(call.args[0]!, call);
  const alias = call.text("as");
  const prefix = alias === undefined ? behind : readRoutePrefix(alias, call);
  const lan = alias === undefined ? {} : { lan: behind.text };
  if (alias !== undefined && (prefix.length !== behind.length || prefix.address.kind() !== behind.address.kind())) {
    throw call.bad("as", `${prefix.text} and ${behind.text} must be of one family and length`);
  }
  const name = call.args[2]!;
  const metric = call.count("metric", { min: 0, max: 65_535, otherwise: 100 });
  const snat = !call.flag("keep-source");
  const network = await AdminNetwork.open(call);
  let carrier: VerifiedNode | undefined;
  const { ledger, changed } = await network.change(async (ledger) => {
    for (const one of new Set([behind, prefix])) await refuseOverlap(one, ledger.network);
    carrier = await network.node(ledger, name);
    const { id } = carrier;
    if (o.announced) requireAnnounced(carrier, prefix.text);
    const old = ledger.routes.find((r) => r.prefix === prefix.text && r.node === id);
    if (old && old.metric === metric && old.snat === snat && old.lan === lan.lan) return null;
    return { kind: "route", body: { op: "add", prefix: prefix.text, node: id, metric, snat, ...lan } };
  });
  const route = { prefix: prefix.text, via: carrier!.name, node: carrier!.id, metric, snat, ...lan };
  const what = lan.lan === undefined ? route.prefix : `${lan.lan} as ${route.prefix}`;
  call.out.answer(
    { changed, route, ledgerSeq: ledger.head.seq },
    () =>
      changed
        ? `${what} goes via ${route.via} (ledger entry ${ledger.head.seq})`
        : `${what} goes via ${route.via} already`,
  );
  if (!snat) {
    const own = `${ledger.network.ipv4} and ${await networkPrefix6(ledger.network.id)}`;
    call.out.remark(`the network behind must lead ${own} back to this router, with several to the one in use`);
  }
  if (!rulesUse(ledger, prefix.text)) {
    call.out.remark(
      `no policy rule names ${prefix.text}, so nobody may use it; add a rule and: ghostctl policy push FILE`,
    );
  }
}

function requireAnnounced({ name, record }: VerifiedNode, prefix: string): void {
  if (record.routes.includes(prefix)) return;
  const others = record.routes.length > 0 ? `; it announces ${record.routes.join(", ")}` : "";
  throw new GhostError("not_found", `${name} does not announce ${prefix}${others}`, {
    mend:
      `there: ghostctl route advertise ${prefix}; or sign it all the same: ghostctl route add ${prefix} via ${name}`,
  });
}

function rulesUse(ledger: Ledger, prefix: string): boolean {
  const { policy } = ledger;
  return policy !== null && usesPrefix(readSigned(policy), prefix);
}
