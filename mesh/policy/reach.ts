/** Who reaches whom on what, and by which rules: for people who ask, before and after a policy is signed. */
import { carriedPart, type Compiled, type CompiledRoute, type Machine, ownPart, sameUser } from "./compile.ts";
import { joinPorts, opens, samples } from "./ports.ts";
import { internetOf } from "./internet.ts";
import { intersectAll, type Range } from "./prefix.ts";
import { familyIndex, has } from "./prepare.ts";
import type { Ports } from "./types.ts";

/** One end of a flow: a machine itself, or a part of a network behind one. */
export interface End {
  /** The machine's name, or the prefix and its carrier's name. */
  label: string;
  machine: Machine;
  /** What of the carrier's networks is meant; null: the machine itself. */
  behind: readonly Range[] | null;
  /** What is meant lies beyond the network: the machine is an exit node. */
  beyond?: true;
}

/** A machine itself. */
export function machineEnd(compiled: Compiled, id: string): End | undefined {
  const machine = compiled.machines.get(id);
  return machine && { label: machine.node.name, machine, behind: null };
}

function routeEnd(compiled: Compiled, route: CompiledRoute): End | undefined {
  const machine = compiled.machines.get(route.node);
  return machine && { label: `${route.prefix} via ${machine.node.name}`, machine, behind: route.effective };
}

/** All machines and all networks behind them. */
export function allEnds(compiled: Compiled): End[] {
  const routes = compiled.routes.map((route) => routeEnd(compiled, route));
  return [...[...compiled.machines.keys()].map((id) => machineEnd(compiled, id)), ...routes].filter((e) =>
    e !== undefined
  );
}

/** Whose address this is: a machine's, or every carrier's of the longest prefix with it. */
export function addressEnd(compiled: Compiled, address: Range): End[] {
  for (const [id, { own }] of compiled.machines) {
    if (intersectAll(own, [address]).length > 0) return [machineEnd(compiled, id)!];
  }
  return compiled.routes.filter((route) => intersectAll(route.effective, [address]).length > 0)
    .map((route) => routeEnd(compiled, route)).filter((e) => e !== undefined).map((e) => ({ ...e, behind: [address] }));
}

/** The internet, or a part of it, through each exit node. */
export function internetEnds(compiled: Compiled, wanted: Range | null): End[] {
  const meant = wanted === null ? internetOf(compiled) : intersectAll(internetOf(compiled), [wanted]);
  return [...compiled.exits].flatMap(([id, families]): End[] => {
    const machine = compiled.machines.get(id);
    const behind = meant.filter((range) => families[familyIndex(range)]);
    if (!machine || behind.length === 0) return [];
    return [{ label: `internet via ${machine.node.name}`, machine, behind, beyond: true }];
  });
}

/** The addresses of an end that stand on one side of rule `i`. */
function part(compiled: Compiled, { machine, behind, beyond }: End, i: number, side: "from" | "to"): readonly Range[] {
  if (behind === null) return ownPart(machine, i, side);
  if (beyond) {
    const reached = side === "to" && has(compiled.prepared.internet, i) && has(machine.ends.carries, i);
    return reached ? behind : [];
  }
  return intersectAll(carriedPart(compiled, machine, i, side), behind);
}

/** Indexes of the rules by which `source` may open flows to `target`, on whichever ports. */
export function rulesBetween(compiled: Compiled, source: End, target: End): number[] {
  if (source.machine === target.machine) return [];
  const found: number[] = [];
  compiled.policy.rules.forEach((_, i) => {
    const from = part(compiled, source, i, "from");
    if (from.length === 0) return;
    // Machines themselves use an exit node, not what they carry.
    if (target.beyond && source.behind !== null) return;
    const own = target.behind === null && source.behind === null && has(compiled.prepared.self, i) &&
      sameUser(source.machine, target.machine);
    const to = own ? target.machine.own : part(compiled, target, i, "to");
    if (from.some((a) => to.some((b) => a.family === b.family))) found.push(i);
  });
  return found;
}

/** What `source` may open to `target`; undefined: nothing, null: everything. */
export function portsBetween(compiled: Compiled, source: End, target: End): Ports | null | undefined {
  const all = rulesBetween(compiled, source, target).map((i) => compiled.policy.rules[i]!.ports);
  if (all.length === 0) return undefined;
  return all.includes(null) ? null : joinPorts(all.filter((ports) => ports !== null));
}

/** True when `open` lets all of `wanted` through. */
export function meetsPorts(open: Ports | null, wanted: Ports): boolean {
  return samples(wanted, [open]).every((service) => opens(open, service));
}

/** True when `open` lets some of `wanted` through. */
export function touchesPorts(open: Ports | null, wanted: Ports | null): boolean {
  return samples(wanted, [open]).some((service) => opens(open, service));
}
