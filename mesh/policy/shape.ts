/**
 * Reading values out of the tree: every reader takes a node and either returns its value or notes a fault with the
 * offending text, so that one pass finds all faults of a file.
 */
import { suggest } from "./names.ts";
import type { TomlNode, TomlTable } from "./toml.ts";
import type { Fault, Place } from "./types.ts";

/** Faults and warnings of one reading. */
export class Notes {
  readonly faults: Fault[] = [];
  readonly warnings: Fault[] = [];

  fault(at: Place, message: string, mend?: string): void {
    this.faults.push({ line: at.line, column: at.column, message, ...(mend === undefined ? {} : { mend }) });
  }

  warn(at: Place, message: string, mend?: string): void {
    this.warnings.push({ line: at.line, column: at.column, message, ...(mend === undefined ? {} : { mend }) });
  }
}

/** A string with its place. */
export interface Word extends Place {
  text: string;
}

/** The written form of a value, short enough for a message. */
export function shown(node: TomlNode): string {
  switch (node.kind) {
    case "string":
      return quoted(node.value);
    case "other":
      return node.text.slice(0, 60);
    case "array":
      return "a list";
    case "table":
      return "a table";
  }
}

/** A text in quotes, shortened. */
export function quoted(text: string): string {
  return `"${text.length > 80 ? `${text.slice(0, 77)}...` : text}"`;
}

/** The table under `name`, if there is one. */
export function tableOf(root: TomlTable, name: string, notes: Notes): TomlTable | undefined {
  const entry = root.entries.get(name);
  if (!entry) return undefined;
  if (entry.value.kind === "table") return entry.value;
  notes.fault(
    entry.key,
    `"${name}" must be a table, not ${shown(entry.value)}`,
    `write [${name}] and its entries below`,
  );
  return undefined;
}

/** The tables of `[[name]]`, or undefined when it is not there at all. */
export function tablesOf(root: TomlTable, name: string, notes: Notes): TomlTable[] | undefined {
  const entry = root.entries.get(name);
  if (!entry) return undefined;
  const { value } = entry;
  if (value.kind === "array") {
    const tables = value.items.filter((item) => item.kind === "table");
    if (tables.length === value.items.length) return tables;
  }
  notes.fault(entry.key, `"${name}" must be a list of tables, not ${shown(value)}`, `write [[${name}]] for each one`);
  return [];
}

/** Notes every key of `table` that is not known. */
export function checkKeys(
  table: TomlTable,
  { known, where, notes }: { known: readonly string[]; where: string; notes: Notes },
): void {
  for (const [name, { key }] of table.entries) {
    if (known.includes(name)) continue;
    notes.fault(
      key,
      `Unknown key ${quoted(name)} in ${where}`,
      suggest(name, known, `known: ${known.join(", ")}`),
    );
  }
}

/** A list of strings; undefined when `name` is not there or has another form (which is noted). */
export function wordsOf(table: TomlTable, name: string, notes: Notes): Word[] | undefined {
  const entry = table.entries.get(name);
  return entry && toWords(entry.value, name, notes);
}

/** The strings of a list. */
export function toWords(node: TomlNode, name: string, notes: Notes): Word[] | undefined {
  if (node.kind !== "array") {
    const mend = `write ${name} = [${node.kind === "string" ? quoted(node.value) : '"..."'}]`;
    notes.fault(node, `"${name}" must be a list of strings, not ${shown(node)}`, mend);
    return undefined;
  }
  const words: Word[] = [];
  for (const item of node.items) {
    if (item.kind === "string") words.push({ text: item.value, line: item.line, column: item.column });
    else notes.fault(item, `"${name}" must hold strings, not ${shown(item)}`, "write it in quotes");
  }
  return words;
}

/** True or false; undefined when `name` is not there or has another form (which is noted). */
export function flagOf(table: TomlTable, name: string, notes: Notes): boolean | undefined {
  const entry = table.entries.get(name);
  if (!entry) return undefined;
  const { value } = entry;
  if (value.kind === "other" && (value.text === "true" || value.text === "false")) return value.text === "true";
  notes.fault(value, `"${name}" must be true or false, not ${shown(value)}`, `write ${name} = true`);
  return undefined;
}

/** A string; undefined when it is not there or has another form (which is noted). */
export function wordOf(table: TomlTable, name: string, notes: Notes): Word | undefined {
  const entry = table.entries.get(name);
  if (!entry) return undefined;
  if (entry.value.kind === "string") {
    return { text: entry.value.value, line: entry.value.line, column: entry.value.column };
  }
  notes.fault(entry.value, `"${name}" must be a string, not ${shown(entry.value)}`, "write it in quotes");
  return undefined;
}
