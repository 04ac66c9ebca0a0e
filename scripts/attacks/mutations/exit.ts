/** What routes and exit nodes open, what leaves past one, and what leaves without a peer: rows 13, 14 and 26. */
import { type Mutation, one } from "../mutation.ts";

export const EXIT: readonly Mutation[] = [
  one(
    "what goes through an exit node is never for the machine itself",
    "row 13: an exit node opens no",
    "mesh/policy/render_nft.ts",
    '`iifname "${iface}" jump ${NAME}inbound`,\n    ]),\n    chain(`${NAME}forward`',
    '...(exit.length === 0 ? [] : [`iifname "${iface}" jump ${NAME}exit`]), `iifname "${iface}" jump ${NAME}inbound`,\n    ]),\n    chain(`${NAME}forward`',
  ),
  one(
    "the longest prefix wins over an exit route",
    "row 13: of overlapping routes",
    "mesh/policy/internet.ts",
    "...routes.map(({ range }) => range)];",
    "];\n  void routes;",
  ),
  one(
    "only approved routes count",
    "row 13: of overlapping routes",
    "mesh/policy/routes.ts",
    "if (!approvalOf(approvals, node, prefix)) return [];",
    "void approvalOf;",
  ),
  one(
    "a family that the exit node lacks is blocked",
    "row 14: nothing leaks",
    "link/core/plan/exit.ts",
    '{ kind: "unreachable", metric: METRIC.unreachable },',
    "",
  ),
  one(
    "leaving takes both families away",
    "row 14: leaving an exit node",
    "link/core/plan/exit.ts",
    "if (wanted === null) return NO_EXIT;",
    "if (wanted === null) return [NO_EXIT[0], familyState({ ipv4: false, ipv6: false, lan: false, source: null, ports: [], services: [], containers: [], carried: [], overlay: [] }, 6)];",
  ),
  one(
    "the network's own prefix is unreachable without a peer",
    "row 26: an address that nobody has yet",
    "link/core/plan/last_resort.ts",
    "return [...(prefix6 === null ? [] : [prefix6]), ...new Set(",
    "void prefix6;\n  return [...new Set(",
  ),
  one(
    "unreachable routes stand beside those into the tunnel",
    "row 26: nothing leaves while the daemon",
    "link/core/plan/last_resort.ts",
    'const hosts = [...present.filter((address) => !address.includes(":")), ...known.filter((address) => !left(address))];',
    "void known;\n  const hosts = present.filter(left);",
  ),
  one(
    "who was a peer once is remembered",
    "row 26: nothing leaves for a machine that is hidden",
    "link/host/last_resort.ts",
    "const known = this.#remembered.map(([address]) => address);",
    "const { known } = facts;",
  ),
];
