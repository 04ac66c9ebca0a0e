/**
 * What a new policy's firewall rules do to flows between the machines that there are, and what they no longer do, in words. A
 * rule that only moved within the file is no change.
 */
import {
  type Compiled,
  type End,
  firewallBetween,
  firewallPlace,
  firewallText,
  internetEnds,
  rulesBetween,
} from "../../mesh/policy/mod.ts";
import { classesOf, endsByKey, keyOf, list, pairsOf } from "./policy_diff.ts";

/** Something that is done to flows between two groups of ends that are treated alike. */
export interface FirewallDiffRow {
  from: string[];
  to: string[];
  /** At which of the two machines. */
  at: "source" | "target";
  /** `drops tcp/22`. */
  does: string;
  /** Line of the rule, in the policy that has it. */
  line: number;
  change: "new" | "gone";
}

/** All changes from one policy to another, for the same machines and routes. */
export function firewallDiff(before: Compiled, after: Compiled): FirewallDiffRow[] {
  const [old, fresh] = [effectsOf(before, before, after), effectsOf(after, before, after)];
  const missing = (a: typeof old, b: typeof old, change: FirewallDiffRow["change"]) =>
    [...a].flatMap(([key, row]) => b.has(key) ? [] : [{ ...row, change }]);
  return [...missing(fresh, old, "new"), ...missing(old, fresh, "gone")];
}

/** One row as a sentence. */
export function firewallDiffLine({ from, to, at, does, change }: FirewallDiffRow): string {
  return `${change === "new" ? "now" : "no longer"} ${does}, ${list(from)} -> ${list(to)}, at the ${at}`;
}

/** All that is done to flows that some rule lets through; without one there is nothing to do it to. */
function effectsOf(
  compiled: Compiled,
  before: Compiled,
  after: Compiled,
): Map<string, Omit<FirewallDiffRow, "change">> {
  const effects = new Map<string, Omit<FirewallDiffRow, "change">>();
  const { policy } = compiled;
  if (policy.firewall.length === 0) return effects;
  const own = new Map([...endsByKey(compiled), ...exitEnds(compiled)]);
  const machines = classesOf(
    before,
    after,
    (end) => [before, after].map((one) => firewallPlace(one.policy, end)).join("/"),
  );
  const exits = new Map([...exitEnds(before), ...exitEnds(after)]);
  const classes = [...machines, ...[...exits.values()].map((end) => [end])];
  for (const { from, to, ...pair } of pairsOf(classes)) {
    const [source, target] = [own.get(keyOf(pair.source)), own.get(keyOf(pair.target))];
    if (!source || !target || rulesBetween(compiled, source, target).length === 0) continue;
    for (const { rule, at, whole } of firewallBetween(policy, source, target)) {
      const does = `${firewallText(rule)}${whole ? "" : " (for some of the addresses)"}`;
      const row = { from: from.map((e) => e.label), to: to.map((e) => e.label), at, does, line: rule.line };
      effects.set(JSON.stringify([row.from, row.to, at, does]), row);
    }
  }
  return effects;
}

/** The internet through each exit node, as ends that flows go to. */
function exitEnds(compiled: Compiled): [string, End][] {
  return internetEnds(compiled, null).map((end) => [keyOf(end), end]);
}
