/** What a policy is compiled for: a network's machines as their statements tell of them, and its routes in force. */
import type { RouteBody } from "../wire/ledger.ts";
import { routesInForce } from "./routes.ts";
import type { Policy, PolicyNode } from "./types.ts";

/** A machine as it was verified: what admins and its admission say of it, and its own record. */
export interface Member extends Required<Pick<PolicyNode, "id" | "name" | "tags" | "user" | "subject" | "groups">> {
  record: Required<Pick<PolicyNode, "ipv4" | "ipv6" | "os" | "version">> & { routes: readonly string[] };
}

/** The policy's side of a machine. */
export function policyNode({ id, name, tags, user, subject, groups, record }: Member): PolicyNode {
  const { ipv4, ipv6, os, version, routes: announces } = record;
  return { id, name, tags, user, subject, groups, ipv4, ipv6, os, version, announces };
}

/** The network of a ledger with these machines in it, to be compiled. */
export function networkOf(policy: Policy, { ledger, nodes }: {
  ledger: { network: { ipv4: string }; routes: readonly RouteBody[] };
  nodes: readonly PolicyNode[];
}): { nodes: readonly PolicyNode[]; routes: RouteBody[] } {
  const { network, routes: signed } = ledger;
  return { nodes, routes: routesInForce(policy.routes, { signed, nodes, network: network.ipv4 }) };
}
