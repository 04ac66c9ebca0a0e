/**
 * TOML as a tree in which every key and value knows its place. toml-eslint-parser gives positions but a flat list of
 * tables; here `[a.b]`, dotted keys and inline tables all become the same nested maps.
 */
import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import type { Fault, Place } from "./types.ts";

export interface TomlTable extends Place {
  kind: "table";
  entries: Map<string, { key: Place; value: TomlNode }>;
}
export interface TomlArray extends Place {
  kind: "array";
  items: TomlNode[];
}
export interface TomlString extends Place {
  kind: "string";
  value: string;
}
/** Numbers, booleans and dates: a policy has no use for them, so only their text is kept. */
export interface TomlOther extends Place {
  kind: "other";
  text: string;
}
export type TomlNode = TomlTable | TomlArray | TomlString | TomlOther;

/** Far beyond any real file. */
const MAX_DEPTH = 200;

/** The tree of a TOML text, or its first fault. */
export function readToml(source: string): TomlTable | Fault {
  try {
    const root: TomlTable = { kind: "table", line: 1, column: 1, entries: new Map() };
    for (const item of parseTOML(source).body[0].body) {
      if (item.type === "TOMLTable") fill(tableAt(root, item), item.body, source);
      else put(root, item, source);
    }
    return root;
  } catch (error) {
    if (error instanceof ParseError) {
      const near = (source.split("\n")[error.lineNumber - 1] ?? "").slice(error.column).trim().slice(0, 40);
      const message = `${error.message}${near ? `: "${near}"` : ""}`;
      return { line: error.lineNumber, column: error.column + 1, message, mend: "correct the TOML" };
    }
    if (error instanceof TomlFault) return error.fault;
    // A hostile draft can nest so deeply that the parser's recursion ends in a RangeError.
    if (error instanceof RangeError) return { line: 1, column: 1, message: "Nested too deeply" };
    throw error;
  }
}

class TomlFault extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

function place(node: { loc: AST.SourceLocation }): Place {
  return { line: node.loc.start.line, column: node.loc.start.column + 1 };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

/** The table below `parent` under this key, made when it is not there; in an array of tables the newest one. */
function child(parent: TomlTable, name: string, key: Place): TomlTable {
  const entry = parent.entries.get(name);
  if (!entry) {
    const value: TomlTable = { kind: "table", ...key, entries: new Map() };
    parent.entries.set(name, { key, value });
    return value;
  }
  const value = entry.value.kind === "array" ? entry.value.items.at(-1) : entry.value;
  if (value?.kind === "table") return value;
  throw new TomlFault({ ...key, message: `"${name}" is defined twice`, mend: "keep one of them" });
}

function tableAt(root: TomlTable, node: AST.TOMLTable): TomlTable {
  const keys = node.key.keys;
  let at = root;
  for (const key of keys.slice(0, -1)) at = child(at, nameOf(key), place(key));
  const last = keys.at(-1)!;
  if (node.kind === "standard") return child(at, nameOf(last), place(last));
  const table: TomlTable = { kind: "table", ...place(node), entries: new Map() };
  const entry = at.entries.get(nameOf(last));
  if (!entry) {
    at.entries.set(nameOf(last), { key: place(last), value: { kind: "array", ...place(node), items: [table] } });
  } else if (entry.value.kind === "array") entry.value.items.push(table);
  else throw new TomlFault({ ...place(last), message: `"${nameOf(last)}" is defined twice`, mend: "keep one of them" });
  return table;
}

function fill(table: TomlTable, body: AST.TOMLKeyValue[], source: string, depth = 0): TomlTable {
  for (const item of body) put(table, item, source, depth);
  return table;
}

function put(table: TomlTable, item: AST.TOMLKeyValue, source: string, depth = 0): void {
  const keys = item.key.keys;
  let at = table;
  for (const key of keys.slice(0, -1)) at = child(at, nameOf(key), place(key));
  const last = keys.at(-1)!;
  if (at.entries.has(nameOf(last))) {
    throw new TomlFault({ ...place(last), message: `"${nameOf(last)}" is defined twice`, mend: "keep one of them" });
  }
  at.entries.set(nameOf(last), { key: place(last), value: convert(item.value, source, depth) });
}

function convert(node: AST.TOMLContentNode, source: string, depth: number): TomlNode {
  const at = place(node);
  if (depth > MAX_DEPTH) throw new TomlFault({ ...at, message: "Nested too deeply" });
  switch (node.type) {
    case "TOMLArray":
      return { kind: "array", ...at, items: node.elements.map((e) => convert(e, source, depth + 1)) };
    case "TOMLInlineTable":
      return fill({ kind: "table", ...at, entries: new Map() }, node.body, source, depth + 1);
    default:
      if (node.kind === "string") return { kind: "string", ...at, value: node.value };
      return { kind: "other", ...at, text: source.slice(...node.range) };
  }
}
