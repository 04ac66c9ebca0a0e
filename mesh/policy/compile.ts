/**
 * Policy + machines + routes -> who sees whom, and which routes each machine uses. Pure and local: an answer about two
 * machines depends on these two, the policy and the routes, never on who else is there, so the coordinator (which knows
 * all) and a machine (which knows those it sees) come to the same one.
 *
 * Addresses decide. A machine's own addresses belong to it; a routed prefix belongs to its carrier, except where a longer
 * prefix or a machine's own address lies within it (longest prefix wins, as in the routing table). Routes of length 0
 * (exit) and malformed ones give nobody anything.
 */
import {
  intersect,
  intersectAll,
  isBad,
  isEverything,
  merge,
  parseAddress,
  parsePrefix,
  type Range,
} from "./prefix.ts";
import { subtract } from "./prefix.ts";
import type { Policy, PolicyNode, PolicyRoute, Rule, Selector } from "./types.ts";

/** A machine with its addresses as ranges. */
export interface Machine {
  node: PolicyNode;
  own: readonly Range[];
  /** What it carries for others, all its routes together. */
  carried: readonly Range[];
}

/** A route that is fit for use, and the part of it that no longer prefix takes away. */
export interface CompiledRoute extends PolicyRoute {
  range: Range;
  effective: readonly Range[];
}

/** One end of a rule: whole machines, and addresses. */
export interface Side {
  machines: "all" | ReadonlySet<string>;
  ranges: readonly Range[];
}

export interface CompiledRule {
  rule: Rule;
  from: Side;
  to: Side;
  /** `to` holds `self`. */
  self: boolean;
}

/** A policy made ready for one network. */
export interface Compiled {
  policy: Policy;
  machines: ReadonlyMap<string, Machine>;
  routes: readonly CompiledRoute[];
  rules: readonly CompiledRule[];
  /** Families in which a machine stands at the ends of each rule; filled when first asked for. */
  ends: Map<string, Ends>;
}

/** For each rule: bit 1 for IPv4, bit 2 for IPv6. `own` counts the machine's own addresses only. */
interface Ends {
  from: Uint8Array;
  fromOwn: Uint8Array;
  to: Uint8Array;
}

/** Compiles a policy for these machines and routes. */
export function compile(
  policy: Policy,
  { nodes, routes }: { nodes: readonly PolicyNode[]; routes: readonly PolicyRoute[] },
): Compiled {
  const owned = new Map(nodes.map((node) => [node.id, addressesOf(node)]));
  const fit = carve(routes, [...owned.values()].flat());
  const carried = Map.groupBy(fit, (route) => route.node);
  const machines = new Map(nodes.map((node): [string, Machine] => [node.id, {
    node,
    own: owned.get(node.id)!,
    carried: merge((carried.get(node.id) ?? []).flatMap((route) => route.effective)),
  }]));
  const index = indexOf(nodes);
  const rules = policy.rules.map((rule): CompiledRule => ({
    rule,
    from: sideOf(rule.from, index),
    to: sideOf(rule.to, index),
    self: rule.to.some((selector) => selector.kind === "self"),
  }));
  return { policy, machines, routes: fit, rules, ends: new Map() };
}

/** True when some rule lets one of the two reach the other, or a prefix that the other carries. Symmetric. */
export function sees(compiled: Compiled, a: string, b: string): boolean {
  const [x, y] = [compiled.machines.get(a), compiled.machines.get(b)];
  if (!x || !y || a === b) return false;
  const [ex, ey] = [endsOf(compiled, x), endsOf(compiled, y)];
  const same = sameUser(x, y);
  const reaches = (i: number, from: Ends, to: Ends, target: Machine) =>
    (from.from[i]! & to.to[i]!) !== 0 ||
    (same && compiled.rules[i]!.self && (from.fromOwn[i]! & families(target.own)) !== 0);
  return compiled.rules.some((_, i) => reaches(i, ex, ey, y) || reaches(i, ey, ex, x));
}

/** Ids of all machines that `id` sees. */
export function seenBy(compiled: Compiled, id: string): string[] {
  return [...compiled.machines.keys()].filter((other) => sees(compiled, id, other));
}

/**
 * The routes of others that `id` uses: a rule lets it (or what it carries) reach into the prefix, or lets the prefix reach
 * it. A prefix that it carries itself is never among them.
 */
export function routesFor(compiled: Compiled, id: string): CompiledRoute[] {
  const machine = compiled.machines.get(id);
  if (!machine) return [];
  const ends = endsOf(compiled, machine);
  const carries = (range: Range) =>
    compiled.routes.some((own) => own.node === id && own.range.first === range.first && own.range.last === range.last);
  return compiled.routes.filter((route) =>
    route.node !== id && compiled.machines.has(route.node) && !carries(route.range) &&
    compiled.rules.some(({ from, to }, i) =>
      (ends.from[i]! & families(intersectAll(route.effective, to.ranges))) !== 0 ||
      (ends.to[i]! & families(intersectAll(route.effective, from.ranges))) !== 0
    )
  );
}

/** The machine's own addresses on this end of a rule. */
export function ownPart(side: Side, { node, own }: Machine): readonly Range[] {
  return side.machines === "all" || side.machines.has(node.id) ? own : intersectAll(own, side.ranges);
}

/** The part of what a machine carries that is on this end of a rule. */
export function carriedPart(side: Side, { carried }: Machine): Range[] {
  return intersectAll(carried, side.ranges);
}

/**
 * True when both machines have a user, and the same one. Whom an identity provider vouches for is who `iss` and `sub` say: an
 * address may have been another's before, so it makes nobody the owner of that one's machines.
 */
export function sameUser({ node: a }: Machine, { node: b }: Machine): boolean {
  const [x, y] = [a.subject ?? null, b.subject ?? null];
  if (x !== null || y !== null) return x === y;
  return a.user !== null && a.user === b.user;
}

/** Bit 1 for IPv4, bit 2 for IPv6. */
export function families(ranges: readonly Range[]): number {
  return ranges.reduce((bits, { family }) => bits | (family === 4 ? 1 : 2), 0);
}

function endsOf(compiled: Compiled, machine: Machine): Ends {
  const known = compiled.ends.get(machine.node.id);
  if (known) return known;
  const count = compiled.rules.length;
  const ends: Ends = { from: new Uint8Array(count), fromOwn: new Uint8Array(count), to: new Uint8Array(count) };
  compiled.rules.forEach(({ from, to }, i) => {
    ends.fromOwn[i] = families(ownPart(from, machine));
    ends.from[i] = ends.fromOwn[i]! | families(carriedPart(from, machine));
    ends.to[i] = families(ownPart(to, machine)) | families(carriedPart(to, machine));
  });
  compiled.ends.set(machine.node.id, ends);
  return ends;
}

function addressesOf({ ipv4, ipv6 }: PolicyNode): Range[] {
  return [ipv4, ipv6].flatMap((text) => {
    const parsed = text === null ? null : parseAddress(text);
    return parsed ? [{ family: parsed.family, first: parsed.value, last: parsed.value }] : [];
  });
}

/** Routes fit for use, each without what a longer prefix or a machine's own address takes from it. */
function carve(routes: readonly PolicyRoute[], addresses: readonly Range[]): CompiledRoute[] {
  const fit = routes.flatMap((route) => {
    const range = parsePrefix(route.prefix);
    return isBad(range) || isEverything(range) ? [] : [{ ...route, range }];
  });
  const size = ({ first, last }: Range) => last - first;
  return fit.map((route) => {
    const longer = fit.map((other) => other.range).filter((range) => size(range) < size(route.range));
    const holes = [...longer, ...addresses].filter((range) => intersect(range, route.range));
    return { ...route, effective: subtract(route.range, merge(holes)) };
  });
}

interface Index {
  users: Map<string, string[]>;
  tags: Map<string, string[]>;
  names: Map<string, string[]>;
}

function indexOf(nodes: readonly PolicyNode[]): Index {
  const index: Index = { users: new Map(), tags: new Map(), names: new Map() };
  const add = (map: Map<string, string[]>, key: string, id: string) => {
    const list = map.get(key);
    if (list) list.push(id);
    else map.set(key, [id]);
  };
  for (const { id, name, tags, user, subject, groups } of nodes) {
    add(index.names, name, id);
    const own = [user, subject ?? null].filter((text) => text !== null && !text.startsWith("idp:"));
    for (const who of new Set([...own, ...(groups ?? []).map((group) => `idp:${group}`)])) add(index.users, who!, id);
    for (const tag of tags) add(index.tags, tag, id);
  }
  return index;
}

function sideOf(selectors: readonly Selector[], index: Index): Side {
  if (selectors.some((selector) => selector.kind === "all")) {
    return { machines: "all", ranges: rangesOf(selectors) };
  }
  const ids = selectors.flatMap((selector) => {
    switch (selector.kind) {
      case "users":
        return selector.users.flatMap((user) => index.users.get(user) ?? []);
      case "tag":
        return index.tags.get(selector.tag) ?? [];
      case "machine":
        return index.names.get(selector.name) ?? [];
      default:
        return [];
    }
  });
  return { machines: new Set(ids), ranges: rangesOf(selectors) };
}

function rangesOf(selectors: readonly Selector[]): Range[] {
  return merge(selectors.flatMap((selector) => selector.kind === "addresses" ? [selector.range] : []));
}
