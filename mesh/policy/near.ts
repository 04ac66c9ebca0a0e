/** Rules that name both ends of a flow, whether or not they let it: for people who ask why one does not. */
import { type Compiled, families, sameUser } from "./compile.ts";
import { intersectAll, type Range } from "./prefix.ts";
import { has, meets, names } from "./prepare.ts";
import type { End } from "./reach.ts";
import type { Posture, Selector } from "./types.ts";

/** What keeps a rule that names both ends from letting a flow, besides its ports; nothing of it: it lets it. */
export interface NearMiss {
  /** Postures that the machine which opens the flow is not in. */
  unmet: Posture[];
  /** What opens the flow is behind a machine, and nobody attests a posture for that. */
  unattested: boolean;
  /** `via` names others than the machine that carries the target, or the target is a machine itself. */
  via: boolean;
  /** What opens the flow is behind a machine, and only machines themselves use an exit node. */
  beyond: boolean;
}

/** True when one side of rule `i` names an end, whatever else the rule asks for. `self` names nobody by itself. */
export function isNamed(compiled: Compiled, end: End, i: number, side: "from" | "to"): boolean {
  return namedPart(compiled, end, i, side).length > 0;
}

function namedPart(compiled: Compiled, end: End, i: number, side: "from" | "to"): readonly Range[] {
  const { machine: { node, own, carried }, behind, beyond } = end;
  const { fromRanges, toRanges, internet } = compiled.prepared;
  const ranges = (side === "from" ? fromRanges : toRanges)[i]!;
  if (beyond) return side === "to" && has(internet, i) ? behind! : [];
  if (behind !== null) return intersectAll(intersectAll(carried, behind), ranges);
  const selectors: readonly Selector[] = compiled.policy.rules[i]![side];
  return selectors.some((selector) => names(selector, node)) ? own : intersectAll(own, ranges);
}

/** What keeps rule `i` from letting `source` reach `target`; null when it does not name both, with addresses of one family. */
export function nearMiss(compiled: Compiled, i: number, { source, target }: { source: End; target: End }) {
  const { policy, prepared } = compiled;
  const own = source.behind === null && target.behind === null && has(prepared.self, i) &&
    sameUser(source.machine, target.machine);
  const from = namedPart(compiled, source, i, "from");
  const to = own ? target.machine.own : namedPart(compiled, target, i, "to");
  if ((families(from) & families(to)) === 0) return null;
  const { posture, via } = policy.rules[i]!;
  const asked = posture.map((name) => policy.postures.get(name)!);
  const carrier = target.machine.node;
  const carried = target.behind !== null && via !== null && via.some((selector) => names(selector, carrier));
  const miss: NearMiss = {
    unmet: source.behind === null ? asked.filter((one) => !meets(source.machine.node, one)) : [],
    unattested: source.behind !== null && asked.length > 0,
    via: via !== null && !own && !carried,
    beyond: target.beyond === true && source.behind !== null,
  };
  return miss;
}
