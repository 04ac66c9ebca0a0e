/**
 * Policy + machines + routes -> who sees whom, and which routes each machine uses. Pure and local: an answer about two
 * machines depends on these two, the policy and the routes, never on who else is there, so the coordinator (which knows
 * all) and a machine (which knows those it sees) come to the same one.
 *
 * Addresses decide. A machine's own addresses belong to it; a routed prefix belongs to its carrier, except where a longer
 * prefix or a machine's own address lies within it (longest prefix wins, as in the routing table). Routes of length 0 make an
 * exit node and open nothing by themselves: a rule has to say "internet", which is less than what they cover (internet.ts).
 * Malformed ones give nobody anything.
 *
 * A change of some machines is a new `Compiled` that shares everything with the one before but what they touch (`recompile`).
 */
import { intersect, intersectAll, isBad, isEverything, merge, parsePrefix, type Range, subtract } from "./prefix.ts";
import { addressesOf, type Bits, type Ends, familyIndex, has, meet, prepare, type Prepared } from "./prepare.ts";
import type { Policy, PolicyNode, PolicyRoute } from "./types.ts";

/** A machine with its addresses as ranges. */
export interface Machine {
  node: PolicyNode;
  own: readonly Range[];
  /** What it carries for others, all its routes together. */
  carried: readonly Range[];
  ends: Ends;
  /** Families for which it is an exit node (IPv4 first). */
  exit: readonly [boolean, boolean];
}

/** A route that is fit for use, and the part of it that no longer prefix takes away. */
export interface CompiledRoute extends PolicyRoute {
  range: Range;
  effective: readonly Range[];
}

/** A policy made ready for one network. */
export interface Compiled {
  policy: Policy;
  prepared: Prepared;
  machines: ReadonlyMap<string, Machine>;
  routes: readonly CompiledRoute[];
  /** Exit nodes by id, and for which families. */
  exits: ReadonlyMap<string, Machine["exit"]>;
  /** What was worked out to get here, for those who count: machines placed on the rules, and routes cut to size. */
  work: { machines: number; routes: number };
}

interface Network {
  nodes: readonly PolicyNode[];
  routes: readonly PolicyRoute[];
}

/** Compiles a policy for these machines and routes. */
export function compile(policy: Policy, { nodes, routes }: Network): Compiled {
  const prepared = prepare(policy);
  const owned = new Map(nodes.map((node) => [node.id, addressesOf(node)]));
  const fit = carve(routes, [...owned.values()].flat());
  const carried = Map.groupBy(fit, (route) => route.node);
  const exits = exitsOf(routes);
  const machines = new Map<string, Machine>();
  for (const node of nodes) {
    const { id } = node;
    machines.set(
      id,
      place(prepared, { node, own: owned.get(id)!, routes: carried.get(id) ?? [], exit: exits.get(id) }),
    );
  }
  return { policy, prepared, machines, routes: fit, exits, work: { machines: machines.size, routes: fit.length } };
}

/**
 * The same policy after some machines have come, changed or gone (null). Routes are cut anew only when an address within one
 * of them came or went, and then only their carriers are placed again.
 */
export function recompile(before: Compiled, changes: ReadonlyMap<string, PolicyNode | null>): Compiled {
  const { policy, prepared } = before;
  const machines = new Map(before.machines);
  const moved: Range[] = [];
  for (const [id, node] of changes) {
    const [old, own] = [before.machines.get(id)?.own ?? [], node === null ? [] : addressesOf(node)];
    if (!sameRanges(old, own)) moved.push(...old, ...own);
    if (node === null) machines.delete(id);
  }
  let { routes } = before;
  const work = { machines: 0, routes: 0 };
  const again = new Set<string>(changes.keys());
  if (routes.some(({ range }) => moved.some((address) => intersect(range, address)))) {
    const addresses = new Map([...machines].map(([id, { own }]) => [id, own]));
    for (const [id, node] of changes) if (node !== null) addresses.set(id, addressesOf(node));
    const cut = carve(routes, [...addresses.values()].flat());
    work.routes = cut.length;
    routes.forEach((route, i) => {
      if (!sameRanges(route.effective, cut[i]!.effective)) again.add(route.node);
    });
    routes = cut;
  }
  for (const id of again) {
    const node = changes.has(id) ? changes.get(id)! : machines.get(id)?.node ?? null;
    if (node === null) continue;
    const mine = routes.filter((route) => route.node === id);
    machines.set(id, place(prepared, { node, own: addressesOf(node), routes: mine, exit: before.exits.get(id) }));
    work.machines++;
  }
  return { policy, prepared, machines, routes, exits: before.exits, work };
}

/** True when some rule lets one of the two reach the other, or a prefix that the other carries. Symmetric. */
export function sees(compiled: Compiled, a: string, b: string): boolean {
  const [x, y] = [compiled.machines.get(a), compiled.machines.get(b)];
  if (!x || !y || a === b) return false;
  if (usesExit(compiled, x, y) || usesExit(compiled, y, x)) return true;
  return meets(x, y) || meets(y, x) || (sameUser(x, y) && (selfMeets(compiled, x, y) || selfMeets(compiled, y, x)));
}

function meets({ ends: { from } }: Machine, { ends: { to } }: Machine): boolean {
  return meet(from[0], to[0]) || meet(from[1], to[1]);
}

function selfMeets({ prepared: { self } }: Compiled, { ends: { fromOwn } }: Machine, target: Machine): boolean {
  return target.own.some((range) => meet(fromOwn[familyIndex(range)], self));
}

/** Whether a rule lets a machine itself into the internet through another. */
function usesExit({ prepared: { internet } }: Compiled, { ends: { fromOwn } }: Machine, through: Machine): boolean {
  const through4 = through.exit[0] && meet3(fromOwn[0], internet, through.ends.carries);
  return through4 || (through.exit[1] && meet3(fromOwn[1], internet, through.ends.carries));
}

function meet3(a: Bits, b: Bits, c: Bits): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & b[i]! & c[i]!) !== 0) return true;
  return false;
}

/** An exit node that a machine may use, and which families it gets through it. */
export interface Exit {
  node: string;
  ipv4: boolean;
  ipv6: boolean;
}

/** Exit nodes that `id` may use. */
export function exitsFor(compiled: Compiled, id: string): Exit[] {
  const machine = compiled.machines.get(id);
  if (!machine) return [];
  const { internet } = compiled.prepared;
  return [...compiled.exits].flatMap(([node, families]) => {
    const through = compiled.machines.get(node);
    if (!through || through === machine) return [];
    const [ipv4, ipv6] = ([0, 1] as const).map((f) =>
      families[f] && meet3(machine.ends.fromOwn[f], internet, through.ends.carries)
    ) as [boolean, boolean];
    return ipv4 || ipv6 ? [{ node, ipv4, ipv6 }] : [];
  });
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
  const { fromRanges, toRanges, policy } = compiled.prepared;
  const { from, to } = machine.ends;
  const within = (ranges: readonly Range[], i: number, route: CompiledRoute, side: Ends["from"]) =>
    ranges.length > 0 && (has(side[0], i) || has(side[1], i)) &&
    intersectAll(route.effective, ranges).some((range) => has(side[familyIndex(range)], i));
  const carries = (range: Range) =>
    compiled.routes.some((own) => own.node === id && own.range.first === range.first && own.range.last === range.last);
  return compiled.routes.filter((route) => {
    const carrier = compiled.machines.get(route.node);
    if (!carrier || carrier === machine || carries(route.range)) return false;
    return policy.rules.some(({ posture }, i) =>
      (has(carrier.ends.carries, i) && within(toRanges[i]!, i, route, from)) ||
      (posture.length === 0 && within(fromRanges[i]!, i, route, to))
    );
  });
}

/** The machine's own addresses on one end of rule `i`. */
export function ownPart({ own, ends }: Machine, i: number, end: "from" | "to"): readonly Range[] {
  const bits = end === "from" ? ends.fromOwn : ends.toOwn;
  return own.filter((range) => has(bits[familyIndex(range)], i));
}

/** The part of what a machine carries that is on one end of rule `i`. */
export function carriedPart(
  { prepared }: Compiled,
  { carried, ends }: Machine,
  i: number,
  end: "from" | "to",
): Range[] {
  if (carried.length === 0) return [];
  if (end === "to") return has(ends.carries, i) ? intersectAll(carried, prepared.toRanges[i]!) : [];
  return prepared.policy.rules[i]!.posture.length === 0 ? intersectAll(carried, prepared.fromRanges[i]!) : [];
}

/** True when a machine, or what it carries, is on this end of rule `i` at all. */
export function stands({ ends }: Machine, i: number, end: "from" | "to"): boolean {
  return has(ends[end][0], i) || has(ends[end][1], i);
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

function place(
  prepared: Prepared,
  { node, own, routes, exit = [false, false] }: {
    node: PolicyNode;
    own: readonly Range[];
    routes: readonly CompiledRoute[];
    exit: Machine["exit"] | undefined;
  },
): Machine {
  const carried = routes.length === 0 ? [] : merge(routes.flatMap((route) => route.effective));
  return { node, own, carried, ends: prepared.endsOf(node, own, carried), exit };
}

/** Who is an exit node, by the routes of length 0. */
function exitsOf(routes: readonly PolicyRoute[]): Map<string, Machine["exit"]> {
  const exits = new Map<string, [boolean, boolean]>();
  for (const { prefix, node } of routes) {
    const range = parsePrefix(prefix);
    if (isBad(range) || !isEverything(range)) continue;
    const families = exits.get(node) ?? [false, false];
    families[familyIndex(range)] = true;
    exits.set(node, families);
  }
  return exits;
}

function sameRanges(a: readonly Range[], b: readonly Range[]): boolean {
  return a.length === b.length &&
    a.every((r, i) => r.family === b[i]!.family && r.first === b[i]!.first && r.last === b[i]!.last);
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
