/** What a new policy opens and closes, pair by pair, in words. Machines to which both policies do the same stand together. */
import { allEnds, type Compiled, type End, portsBetween, portsText } from "../../mesh/policy/mod.ts";
import type { Ports } from "../../mesh/policy/mod.ts";

/** A change between two ends, or between two groups of ends that are treated alike. */
export interface DiffRow {
  from: string[];
  to: string[];
  /** In words; null: nothing. */
  before: string | null;
  after: string | null;
}

/** All changes from one policy to another, for the same machines and routes. */
export function policyDiff(before: Compiled, after: Compiled): DiffRow[] {
  const old = new Map(allEnds(before).map((e) => [keyOf(e), e]));
  const classes = classesOf(before, after);
  const rows: DiffRow[] = [];
  for (const from of classes) {
    for (const to of classes) {
      const source = from[0]!, target = from === to ? to[1] : to[0]!;
      if (!target || source.machine === target.machine) continue;
      const told = (ports: Ports | null | undefined) => ports === undefined ? null : portsText(ports);
      const was = told(portsBetween(before, old.get(keyOf(source))!, old.get(keyOf(target))!));
      const is = told(portsBetween(after, source, target));
      if (was !== is) rows.push({ from: from.map((e) => e.label), to: to.map((e) => e.label), before: was, after: is });
    }
  }
  return rows;
}

/**
 * All ends, those that no rule tells apart together: ends alike have the same bits on the same rules; with `self` in play, also
 * the same user; networks stand alone. `also` may tell more of them apart.
 */
export function classesOf(before: Compiled, after: Compiled, also: (end: End) => string = () => ""): End[][] {
  const selfish = [before, after].some(({ policy }) =>
    policy.rules.some(({ to }) => to.some(({ kind }) => kind === "self"))
  );
  return [
    ...Map.groupBy(allEnds(after), (end) => {
      if (end.behind !== null) return keyOf(end);
      const { node, ends } = end.machine;
      const who = selfish ? [node.subject ?? null, node.user] : [];
      return JSON.stringify([bitsOf(ends), bitsOf(before.machines.get(node.id)!.ends), who, also(end)]);
    }).values(),
  ];
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

/** By what an end of one compiled policy is found in another for the same machines and routes. */
export function keyOf({ label, machine, behind }: End): string {
  return `${machine.node.id} ${behind === null ? "" : label}`;
}

function bitsOf({ from, fromOwn, to, toOwn }: End["machine"]["ends"]): string {
  return [...from, ...fromOwn, ...to, ...toOwn].map((bits) => bits.join()).join(" ");
}
