/** `[[allow]]`: reading one rule. */
import { suggest } from "./names.ts";
import { joinPorts, readPort } from "./ports.ts";
import { type Names, type Position, readSelector } from "./selector.ts";
import { checkKeys, type Notes, quoted, type Word, wordsOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";
import type { Ports, Posture, Rule, Selector } from "./types.ts";

interface Context {
  index: number;
  names: Names;
  postures: ReadonlyMap<string, Posture>;
  notes: Notes;
}

/** Reads a rule; what is wrong with it is noted. */
export function readRule(table: TomlTable, { index, names, postures, notes }: Context): Rule {
  checkKeys(table, { known: ["from", "to", "ports", "via", "posture"], where: "[[allow]]", notes });
  const selectors = (name: string, { position, example }: { position: Position; example: string }): Selector[] =>
    filled(table, name, { example, notes }).map((word) => readSelector(word, { names, position, notes })).filter((s) =>
      s !== undefined
    );
  for (const [name, example] of [["from", "*"], ["to", "self"]] as const) {
    if (!table.entries.has(name)) notes.fault(table, `[[allow]] has no "${name}"`, `add ${name} = ["${example}"]`);
  }
  const { line, column } = table;
  const from = selectors("from", { position: "from", example: "*" });
  const to = selectors("to", { position: "to", example: "self" });
  const via = table.entries.has("via") ? selectors("via", { position: "via", example: "tag:router" }) : null;
  if (via !== null) {
    const other = to.find(({ kind }) => kind !== "addresses" && kind !== "internet");
    if (other) {
      const mend = "name the networks behind it in a rule of their own";
      notes.fault(
        table.entries.get("to")!.value,
        `With "via", "to" holds hosts, prefixes and "internet" only, not ${quoted(other.text)}`,
        mend,
      );
    }
  }
  const posture = filled(table, "posture", { example: [...postures.keys()][0] ?? "managed", notes }).map((word) => {
    if (!postures.has(word.text)) {
      const mend = suggest(word.text, [...postures.keys()], `define it: [posture.${word.text}] os = ["linux"]`);
      notes.fault(word, `Undefined posture ${quoted(word.text)}`, mend);
    }
    return word.text;
  });
  return { line, column, index, from, to, ports: portsOf(table, notes), via, posture };
}

/** The rule's `ports`; null when they are left out. */
export function portsOf(table: TomlTable, notes: Notes): Ports | null {
  const entry = table.entries.get("ports");
  if (!entry) return null;
  const words = wordsOf(table, "ports", notes);
  if (words?.length === 0) {
    notes.fault(entry.value, '"ports" is empty, so the rule matches nothing', "leave it out for all protocols");
  }
  return readPorts(words ?? [], notes);
}

/** The words of a list that must not be empty when it is there. */
export function filled(table: TomlTable, name: string, { example, notes }: { example: string; notes: Notes }): Word[] {
  const value = table.entries.get(name)?.value;
  const words = wordsOf(table, name, notes);
  if (value?.kind === "array" && value.items.length === 0) {
    const why = name === "posture" ? '"posture" is empty' : `"${name}" is empty, so the rule matches nothing`;
    notes.fault(value, why, `write ${name} = ["${example}"]`);
  }
  return words ?? [];
}

/** Protocols and ports of a list. */
export function readPorts(words: readonly Word[], notes: Notes): Ports {
  return joinPorts(words.map((word) => readPort(word, notes)).filter((p) => p !== undefined));
}
