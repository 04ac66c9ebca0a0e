/** What the policy enforces on a machine: rows 10, 11, 14, 23 and 24. */
import { type Mutation, one } from "../mutation.ts";

export const FILTER: readonly Mutation[] = [
  one(
    "a peer's packets carry its own addresses",
    "row 10: a member cannot send",
    "link/host/machine.ts",
    "        ...p.addresses.map(hostPrefix),\n        ...routes",
    "        ...wanted.peers.flatMap((q) => q.addresses).map(hostPrefix),\n        ...routes",
  ),
  one(
    "ports are those of the protocol, wherever it begins",
    "row 11: ports are not read",
    "mesh/policy/render_parts.ts",
    'matches.push(`meta l4proto ${protocol} ${all ? "" : `th dport {',
    'matches.push(`${all ? "" : `@nh,${family === 4 ? 176 : 336},16 {',
  ),
  one(
    "a rule names whom it is for",
    "row 14: a published port",
    "mesh/policy/render_nft.ts",
    "return `${ip} saddr @${from} ${ip} daddr @${to} ${service}${verdict}`;",
    'return `${ip} saddr @${from} ${to && ""}${service}${verdict}`;',
  ),
  one(
    "a failed load is a failure",
    "row 23: a filter that cannot be loaded",
    "link/host/nft.ts",
    "    if (result.code !== 0) throw toolError(result, `nft table inet ${tableName(this.iface)}`);",
    "    if (result.code < 0) throw toolError(result, `nft table inet ${tableName(this.iface)}`);",
  ),
  one(
    "only answers pass because of their flow",
    "row 24: an open flow",
    "mesh/policy/render_nft.ts",
    '    "ct state established ct direction reply accept",\n    "ct state related',
    '    "ct state established accept",\n    "ct state related',
  ),
];
