/** `[[firewall]]`: reading one rule. */
import { suggest } from "./names.ts";
import { filled, portsOf } from "./rule.ts";
import { type Names, type Position, readSelector } from "./selector.ts";
import { checkKeys, type Notes, quoted, wordOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";
import type { FirewallAction, FirewallRule, Selector } from "./types.ts";

const KEYS = ["on", "direction", "from", "to", "ports", "action"];
const DIRECTIONS = ["in", "out"] as const;
const UNITS = ["second", "minute", "hour"] as const;
/** Flows in one unit of time, and at once. */
const MAX_RATE = 100_000;

/** Reads a firewall rule; what is wrong with it is noted. */
export function readFirewall(
  table: TomlTable,
  { index, names, notes }: { index: number; names: Names; notes: Notes },
): FirewallRule {
  checkKeys(table, { known: KEYS, where: "[[firewall]]", notes });
  for (const [name, example] of [["on", '["*"]'], ["action", '"drop"']] as const) {
    if (!table.entries.has(name)) notes.fault(table, `[[firewall]] has no "${name}"`, `add ${name} = ${example}`);
  }
  const selectors = (name: string, position: Position): Selector[] =>
    filled(table, name, { example: "*", notes }).map((word) => readSelector(word, { names, position, notes }))
      .filter((selector) => selector !== undefined);
  const side = (name: string, position: Position) => table.entries.has(name) ? selectors(name, position) : null;
  const { line, column } = table;
  return {
    line,
    column,
    index,
    on: selectors("on", "on"),
    direction: readDirection(table, notes),
    from: side("from", "sender"),
    to: side("to", "receiver"),
    ports: portsOf(table, notes),
    action: readAction(table, notes),
  };
}

function readDirection(table: TomlTable, notes: Notes): FirewallRule["direction"] {
  const word = wordOf(table, "direction", notes);
  const known = DIRECTIONS.find((direction) => direction === word?.text);
  if (word && !known) {
    const mend = suggest(word.text, DIRECTIONS, 'write "in" or "out", or leave it out for both');
    notes.fault(word, `Unknown direction ${quoted(word.text)}`, mend);
  }
  return known ?? null;
}

/** `drop`, `log` or `limit 10/second burst 20`; without a burst as many at once as in one unit of time. */
function readAction(table: TomlTable, notes: Notes): FirewallAction {
  const word = wordOf(table, "action", notes);
  if (!word || word.text === "drop") return { kind: "drop" };
  if (word.text === "log") return { kind: "log" };
  const [, rate, per, burst] = /^limit ([1-9]\d{0,5})\/([a-z]+)(?: burst ([1-9]\d{0,5}))?$/.exec(word.text) ?? [];
  const unit = UNITS.find((name) => name === per);
  if (!unit) {
    const mend = per === undefined
      ? suggest(word.text, ["drop", "log"], 'write "drop", "log" or "limit 10/second burst 20"')
      : suggest(per, UNITS, `a rate is by ${UNITS.join(", ")}`);
    notes.fault(word, `Unknown action ${quoted(word.text)}`, mend);
    return { kind: "drop" };
  }
  const limit = { rate: Number(rate), burst: Number(burst ?? rate) };
  if (Math.max(limit.rate, limit.burst) > MAX_RATE) {
    notes.fault(word, `${quoted(word.text)} is beyond ${MAX_RATE}`, "leave such a limit out");
  }
  return { kind: "limit", per: unit, ...limit };
}
