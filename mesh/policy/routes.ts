/**
 * `[routes]`: which machines may announce what, so that it counts without an admin's signature. What a machine announces is in
 * its signed record; everybody who has the policy and the record comes to the same answer, and nobody takes the coordinator's
 * word for it.
 *
 *     [routes]
 *     "10.1.0.0/16" = ["tag:router"]     # this prefix, and all within it
 *     exit = ["ann@example.com"]         # may be an exit node
 */
import type { RouteBody } from "../wire/ledger.ts";
import { nearest } from "./names.ts";
import { holds, intersect, isBad, isEverything, parsePrefix, type Range } from "./prefix.ts";
import { names as isNamedBy } from "./prepare.ts";
import { type Names, readSelector } from "./selector.ts";
import { type Notes, quoted, toWords } from "./shape.ts";
import type { TomlTable } from "./toml.ts";
import type { Place, PolicyNode, RouteApproval, Selector } from "./types.ts";

/** Prefixes by which a machine announces itself as an exit node. */
export const EXIT_PREFIXES: readonly string[] = ["0.0.0.0/0", "::/0"];
/** Metric of routes that the policy approved: an admin's signed statement can say another. */
const METRIC = 100;

/** Reads `[routes]`. */
export function readRoutes(
  table: TomlTable | undefined,
  { names, notes }: { names: Names; notes: Notes },
): RouteApproval[] {
  const approvals: RouteApproval[] = [];
  for (const [text, { key, value }] of table?.entries ?? []) {
    const range = readKey(text, { key, names, notes });
    const by = (toWords(value, text, notes) ?? []).flatMap((word): Selector[] => {
      const selector = readSelector(word, { names, position: "from", notes });
      if (selector?.kind !== "addresses") return selector ? [selector] : [];
      notes.fault(word, `${quoted(word.text)} is no machine`, 'name who may announce it: "tag:router" or a user');
      return [];
    });
    if (value.kind === "array" && value.items.length === 0) {
      notes.warn(key, `Nobody may announce ${quoted(text)}`, 'name who may: "tag:router" or a user');
    }
    if (range) approvals.push({ line: key.line, column: key.column, text, range, by });
  }
  return approvals;
}

function readKey(
  text: string,
  { key, names, notes }: { key: Place; names: Names; notes: Notes },
): Range | "exit" | undefined {
  if (text === "exit") return "exit";
  const host = names.hosts.get(text);
  if (host) return host;
  const range = parsePrefix(text);
  if (!isBad(range)) {
    if (!isEverything(range)) return range;
    notes.fault(key, `${quoted(text)} is the whole internet`, "write exit = [...] for exit nodes of both families");
    return undefined;
  }
  if (range.canonical) {
    notes.fault(key, `Bad prefix ${quoted(text)}: ${range.problem}`, `write "${range.canonical}"`);
    return undefined;
  }
  const near = nearest(text, ["exit", ...names.hosts.keys()]);
  const mend = near ? `did you mean ${near}?` : 'write "10.1.1.0/24", a host of [hosts], or exit';
  notes.fault(key, `${quoted(text)} in [routes] is no prefix`, mend);
  return undefined;
}

/** The line of `[routes]` by which a machine may carry `prefix`; undefined: an admin has to sign it. */
export function approvalOf(
  approvals: readonly RouteApproval[],
  node: PolicyNode,
  prefix: string,
): RouteApproval | undefined {
  const range = parsePrefix(prefix);
  if (isBad(range)) return undefined;
  return approvals.find((approval) => {
    const fits = isEverything(range)
      ? approval.range === "exit"
      : approval.range !== "exit" && holds(approval.range, range);
    return fits && approval.by.some((selector) => isNamedBy(selector, node));
  });
}

/**
 * The routes in force: those that admins signed, and those that machines announce and the policy approves. A signed statement
 * about the same prefix and machine stands above the announcement.
 * @param o.network the network's own IPv4 range: nothing within it, nor within the /48 of its IPv6 addresses, can be a route
 */
export function routesInForce(
  approvals: readonly RouteApproval[],
  o: { signed: readonly RouteBody[]; nodes: readonly PolicyNode[]; network: string },
): RouteBody[] {
  const known = new Set(o.signed.map(({ prefix, node }) => `${prefix} ${node}`));
  if (approvals.length === 0) return [...o.signed];
  const announced = o.nodes.flatMap((node) =>
    (node.announces ?? []).flatMap((prefix): RouteBody[] => {
      if (known.has(`${prefix} ${node.id}`) || isOwn(prefix, node, o.network)) return [];
      if (!approvalOf(approvals, node, prefix)) return [];
      return [{ op: "add", prefix, node: node.id, metric: METRIC, snat: true }];
    })
  );
  return [...o.signed, ...announced];
}

/** The network's own addresses can be carried by nobody. */
function isOwn(prefix: string, { ipv6 }: PolicyNode, network: string): boolean {
  const range = parsePrefix(prefix);
  if (isBad(range)) return true;
  if (isEverything(range)) return false;
  const own6 = parsePrefix(ipv6) as Range;
  const size = 1n << 80n;
  const first = own6.first / size * size;
  const own = [parsePrefix(network) as Range, { family: 6 as const, first, last: first + size - 1n }];
  return own.some((one) => intersect(one, range) !== null);
}
