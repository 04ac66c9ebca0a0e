/** What is in force, in words and with counts: a row for each rule of the policy that does something here. */
import { type Counted, type Filter, type FilterRule, firewallText, portsText } from "../../../mesh/policy/mod.ts";
import type { LocalFirewall } from "../../../mesh/wire/local_firewall.ts";
import type { InForce, Total } from "./desk.ts";

type Row = LocalFirewall["rows"][number];

/** Names in a sentence; the rest is counted. */
const MOST_NAMES = 8;

/**
 * The rows of a filter in the order in which they are asked. `nameOf` gives the name of the machine that has an address,
 * `internet` what that word means in this network.
 */
export function rowsOf(
  { filter }: InForce,
  { totals, nameOf, internet }: {
    totals: readonly Total[] | null;
    nameOf: (address: string) => string | undefined;
    internet: readonly string[];
  },
): Row[] {
  const list = (prefixes: readonly string[]) => {
    const { words, rest } = withoutInternet(prefixes, internet);
    const names = [
      ...new Set([
        ...words,
        ...rest.map((prefix) => nameOf(/^(.*)\/(?:32|128)$/.exec(prefix)?.[1] ?? "") ?? prefix),
      ]),
    ];
    if (names.length <= MOST_NAMES) return names.join(", ");
    return `${names.slice(0, MOST_NAMES - 1).join(", ")} and ${names.length - MOST_NAMES + 1} more`;
  };
  const lines = linesOf(filter);
  const count = (kind: Counted["kind"], direction: Row["direction"], rule?: number) =>
    counted(totals, { kind, direction, rule, lineOf: (index) => lines.get(index) });
  const firewall = filter.firewall.map((line): Row => {
    const who = line.sources === null ? "" : ` from ${list(line.sources)}`;
    const whom = line.destinations === null ? "" : ` to ${list(line.destinations)}`;
    return {
      line: line.line,
      direction: line.direction,
      what: line.action.kind,
      text: `${firewallText(line)}${who}${whom}`,
      ...count("firewall", line.direction, line.rule),
      with: [],
    };
  });
  const allowed = (rules: readonly FilterRule[], direction: Row["direction"]): Row[] =>
    [...Map.groupBy(rules, ({ rule }) => rule)].sort(([, [a]], [, [b]]) => a!.line - b!.line).map(([rule, same]) => {
      const [sources, destinations] = [same.flatMap((r) => r.sources), same.flatMap((r) => r.destinations)];
      const text = `lets ${list(sources)} reach ${list(destinations)} on ${portsText(same[0]!.ports)}`;
      return { line: same[0]!.line, direction, what: "allow", text, ...count("allow", direction, rule) };
    });
  const rest = (what: "refused" | "stranger" | "invalid", direction: Row["direction"], text: string): Row => ({
    line: null,
    direction,
    what,
    text,
    ...count(what, direction),
    with: [],
  });
  return [
    rest("invalid", "in", "drops what belongs to no flow"),
    rest("stranger", "in", "drops what comes from nobody whom this machine sees"),
    ...firewall,
    ...allowed([...filter.inbound, ...filter.exit], "in"),
    ...allowed(filter.outbound, "out"),
    rest("refused", "in", "drops what no rule allows"),
    rest("refused", "out", "drops what comes from behind this machine and no rule lets out"),
  ];
}

/** The internet by its name where all of it is among the prefixes, of one family or both, and what else there is. */
function withoutInternet(
  prefixes: readonly string[],
  internet: readonly string[],
): { words: string[]; rest: string[] } {
  const there = new Set(prefixes);
  const isIpv6 = (prefix: string) => prefix.includes(":");
  const whole = ([["IPv4", false], ["IPv6", true]] as const).filter(([, six]) => {
    const part = internet.filter((prefix) => isIpv6(prefix) === six);
    return part.length > 0 && part.every((prefix) => there.has(prefix));
  });
  if (whole.length === 0) return { words: [], rest: [...prefixes] };
  const named = new Set(internet.filter((prefix) => whole.some(([, six]) => isIpv6(prefix) === six)));
  const only = whole.length === 2 ? "" : ` (${whole[0]![0]})`;
  return { words: [`the internet${only}`], rest: prefixes.filter((prefix) => !named.has(prefix)) };
}

/** Index of an `[[allow]]` -> its line. */
function linesOf({ inbound, outbound, exit = [] }: Filter): Map<number, number> {
  return new Map([...inbound, ...outbound, ...exit].map(({ rule, line }) => [rule, line]));
}

/** What counts for a rule, and the lines of the others that count with it. */
function counted(totals: readonly Total[] | null, { kind, direction, rule, lineOf }: {
  kind: Counted["kind"];
  direction: Row["direction"];
  rule: number | undefined;
  lineOf: (rule: number) => number | undefined;
}): Pick<Row, "packets" | "bytes" | "with"> {
  if (totals === null) return { packets: null, bytes: null, with: [] };
  const mine = totals.filter(({ of }) =>
    of.kind === kind && of.direction === direction && (rule === undefined || of.rules.includes(rule))
  );
  const others = mine.flatMap(({ of }) => of.rules).filter((other) => other !== rule).map(lineOf);
  return {
    packets: mine.reduce((sum, { packets }) => sum + packets, 0),
    bytes: mine.reduce((sum, { bytes }) => sum + bytes, 0),
    with: [...new Set(others.filter((line) => line !== undefined))].sort((a, b) => a - b),
  };
}
