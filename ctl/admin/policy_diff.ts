/** What a new policy opens and closes, pair by pair, in words. Machines to which both policies do the same stand together. */
import { allEnds, type Compiled, type End, portsBetween, portsText } from "../../mesh/policy/mod.ts";

/** A change between two ends, or between two groups of ends that are treated alike. */
export interface DiffRow {
  from: string[];
  to: string[];
  /** In words; null: nothing. */
  before: string | null;
  after: string | null;
}

/** All changes from one policy to another, for the same machines; each has the networks that it lets machines carry. */
export function policyDiff(before: Compiled, after: Compiled): DiffRow[] {
  const [was, is] = [teller(before), teller(after)];
  const rows: DiffRow[] = [];
  for (const { from, to, source, target } of pairsOf(classesOf(before, after))) {
    const row = { before: was(source, target), after: is(source, target) };
    if (row.before !== row.after) rows.push({ from: from.map((e) => e.label), to: to.map((e) => e.label), ...row });
  }
  return rows;
}

/** What one of the policies opens from an end to another, in words; null: nothing, as where it has no such end. */
function teller(compiled: Compiled): (from: End, to: End) => string | null {
  const own = endsByKey(compiled);
  return (from, to) => {
    const [source, target] = [own.get(keyOf(from)), own.get(keyOf(to))];
    const ports = source && target ? portsBetween(compiled, source, target) : undefined;
    return ports === undefined ? null : portsText(ports);
  };
}

/**
 * All ends of machines that `after` has, those that no rule tells apart together: ends alike have the same bits on the same
 * rules; with `self` in play, also the same user; networks stand alone, those that only `before` lets be carried as well.
 * `also` may tell more of them apart.
 */
export function classesOf(before: Compiled, after: Compiled, also: (end: End) => string = () => ""): End[][] {
  const selfish = [before, after].some(({ policy }) =>
    policy.rules.some(({ to }) => to.some(({ kind }) => kind === "self"))
  );
  const staying = allEnds(before).filter(({ machine }) => after.machines.has(machine.node.id));
  const all = new Map([...staying, ...allEnds(after)].map((end) => [keyOf(end), end]));
  return [
    ...Map.groupBy(all.values(), (end) => {
      if (end.behind !== null) return keyOf(end);
      const { node, ends } = end.machine;
      const who = selfish ? [node.subject ?? null, node.user] : [];
      return JSON.stringify([bitsOf(ends), bitsOf(before.machines.get(node.id)!.ends), who, also(end)]);
    }).values(),
  ];
}

/** Two classes, and an end of each that stands for it. */
export interface Pair {
  from: readonly End[];
  to: readonly End[];
  source: End;
  target: End;
}

/** All pairs of classes, also of one with itself; a network's carrier is no other end to it, whatever class it is of. */
export function* pairsOf(classes: readonly (readonly End[])[]): Generator<Pair> {
  for (const one of classes) {
    for (const other of classes) {
      const [from, to] = one === other ? [one, one] : [apart(one, other), apart(other, one)];
      const source = from[0], target = one === other ? to[1] : to[0];
      if (source && target) yield { from, to, source, target };
    }
  }
}

function apart(some: readonly End[], [other]: readonly End[]): readonly End[] {
  if (!other || other.behind === null) return some;
  return some.filter(({ machine }) => machine.node.id !== other.machine.node.id);
}

/** One row as a sentence. */
export function diffLine({ from, to, before, after }: DiffRow): string {
  const pair = `${list(from)} -> ${list(to)}`;
  if (before === null) return `opens   ${pair}: ${after}`;
  if (after === null) return `closes  ${pair}: ${before}`;
  return `changes ${pair}: ${after}, until now ${before}`;
}

/** Names, of many the first ones. */
export function list(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 4).join(", ")} and ${names.length - 4} more`;
}

/** The ends of a compiled policy, each by what an end of another one for the same machines finds it by. */
export function endsByKey(compiled: Compiled): Map<string, End> {
  return new Map(allEnds(compiled).map((end) => [keyOf(end), end]));
}

/** By what an end of one compiled policy is found in another. */
export function keyOf({ label, machine, behind }: End): string {
  return `${machine.node.id} ${behind === null ? "" : label}`;
}

function bitsOf({ from, fromOwn, to, toOwn }: End["machine"]["ends"]): string {
  return [...from, ...fromOwn, ...to, ...toOwn].map((bits) => bits.join()).join(" ");
}
