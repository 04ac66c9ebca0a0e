/** `ghostctl route remove PREFIX [via NAME]` */
import { networkOf, policyInForce, policyNode } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { VerifiedNode } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { RouteBody } from "../../mesh/wire/ledger.ts";
import { AdminNetwork, namesOf } from "../admin/network.ts";
import { readRoutePrefix } from "../admin/prefix.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const prefix = readRoutePrefix(call.args[0]!, call).text;
  const name = call.args[2];
  const network = await AdminNetwork.open(call);
  let gone: { prefix: string; via: string; node: string } | undefined;
  let nodes: VerifiedNode[] = [];
  const { ledger } = await network.change(async (ledger) => {
    ({ nodes } = await network.nodes(ledger));
    // Also a machine that left may still carry a route, so the name is looked up but not needed.
    const nameOf = namesOf(nodes);
    const fitting = (routes: readonly RouteBody[]) =>
      routes.filter((r) =>
        (r.prefix === prefix || r.lan === prefix) &&
        (name === undefined || r.node === name || nameOf(r.node) === name.toLowerCase())
      );
    const signed = fitting(ledger.routes);
    const route = signed[0];
    if (route === undefined) {
      const [other] = fitting(byPolicy(ledger, nodes));
      if (other) {
        throw new GhostError("not_found", `No admin signed ${prefix}: ${nameOf(other.node)} carries it by the policy`, {
          mend: endOf(prefix, nameOf(other.node)),
        });
      }
      throw new GhostError("not_found", `No route ${prefix}${name === undefined ? "" : ` via "${name}"`}`, {
        mend: "see: ghostctl route list",
      });
    }
    if (signed.length > 1) {
      throw new GhostError("bad_input", `Several machines carry ${prefix}`, {
        mend: `say which: ${signed.map((r) => `via ${nameOf(r.node)}`).join(", ")}`,
      });
    }
    gone = { prefix: route.prefix, via: nameOf(route.node), node: route.node };
    return { kind: "route", body: { ...route, op: "remove" } };
  });
  const { via, node, prefix: carried } = gone!;
  const goesOn = byPolicy(ledger, nodes).some((route) => route.node === node && route.prefix === carried);
  const { seq } = ledger.head;
  call.out.answer({ changed: true, route: gone, goesOn, ledgerSeq: seq }, () => {
    const state = goesOn ? `goes via ${via} no longer by an admin's word` : `no longer goes via ${via}`;
    return `${prefix} ${state} (ledger entry ${seq})`;
  });
  if (goesOn) call.out.remark(`it goes on by the policy: ${endOf(carried, via)}`);
}

/** The routes that machines announce and the policy in force lets them carry, without an admin's signature. */
function byPolicy({ policy, network }: Ledger, nodes: readonly VerifiedNode[]): RouteBody[] {
  const inForce = policy === null ? null : policyInForce(policy).policy;
  if (inForce === null) return [];
  return networkOf(inForce, { ledger: { network, routes: [] }, nodes: nodes.map(policyNode) }).routes;
}

/** How such a route is ended. */
function endOf(prefix: string, via: string): string {
  return `take it out of [routes], or on ${via}: ghostctl route advertise ${prefix} --withdraw`;
}
