/**
 * Reads a TOML file into a schema's type. Every refusal names file, line, column and key, and what would be right:
 * `ghostmesh.toml:3:1 server.bnd: Unknown key; did you mean "bind"?`. Only one fault is told at a time: the first unknown
 * key (a misspelt one explains a missing one), else the first in the file.
 */
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { GhostError } from "../wire/errors.ts";
import { z } from "../wire/schema.ts";
import { nearest } from "./nearest.ts";

type Path = PropertyKey[];
type Node = ReturnType<typeof parseTOML>["body"][0]["body"][number] | TomlValue;
type TomlValue = Extract<ReturnType<typeof parseTOML>["body"][0]["body"][number], { type: "TOMLKeyValue" }>["value"];

/** Larger files are not configuration. */
const MAX_CONFIG = 1 << 20;

/**
 * Reads the TOML file at `path` by `schema` (use strict objects, so that unknown keys are refused).
 * @throws GhostError `bad_config` with place and mend
 */
export async function loadToml<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  let source: string;
  try {
    source = await Deno.readTextFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "No such file"
      : error instanceof Error
      ? `Cannot read: ${error.message.split(/[:\n]/)[0]}`
      : "Cannot read";
    throw new GhostError("bad_config", why, { place: path, cause: error });
  }
  return parseToml(source, schema, path);
}

/**
 * As `loadToml`, from a text; `file` is the name that refusals show.
 * @throws GhostError `bad_config`
 */
export function parseToml<T>(source: string, schema: z.ZodType<T>, file: string): T {
  if (source.length > MAX_CONFIG) {
    throw new GhostError("bad_config", `Longer than ${MAX_CONFIG} bytes`, { place: file });
  }
  let ast: ReturnType<typeof parseTOML>;
  try {
    ast = parseTOML(source, { tomlVersion: "1.0" });
  } catch (error) {
    const at = error as { lineNumber?: number; column?: number; message?: string };
    throw new GhostError("bad_config", at.message ?? "Not TOML", {
      place: `${file}:${at.lineNumber ?? 1}:${(at.column ?? 0) + 1}`,
      cause: error,
    });
  }
  const result = schema.safeParse(getStaticTOMLValue(ast));
  if (result.success) return result.data;
  const positions = new Map<string, { line: number; column: number }>();
  for (const node of ast.body[0].body) locate(node, [], positions);
  throw firstFault(result.error.issues, { schema, file, positions });
}

type Positions = Map<string, { line: number; column: number }>;

/** Fills the place of every key and array element, by its path. */
function locate(node: Node, base: Path, out: Positions): void {
  const put = (path: Path, at: { line: number; column: number }) => {
    const key = spell(path);
    if (!out.has(key)) out.set(key, at);
  };
  switch (node.type) {
    case "TOMLTable":
      for (let i = 1; i <= node.resolvedKey.length; i++) put(node.resolvedKey.slice(0, i), node.key.loc.start);
      for (const inner of node.body) locate(inner, node.resolvedKey, out);
      break;
    case "TOMLKeyValue": {
      let path = base;
      for (const part of node.key.keys) {
        path = [...path, part.type === "TOMLBare" ? part.name : part.value];
        put(path, part.loc.start);
      }
      locate(node.value, path, out);
      break;
    }
    case "TOMLInlineTable":
      for (const inner of node.body) locate(inner, base, out);
      break;
    case "TOMLArray":
      node.elements.forEach((element, i) => {
        put([...base, i], element.loc.start);
        locate(element, [...base, i], out);
      });
      break;
  }
}

interface Fault {
  path: Path;
  message: string;
  mend?: string;
  unknown: boolean;
}

function firstFault(
  issues: readonly z.core.$ZodIssue[],
  { schema, file, positions }: { schema: z.ZodType; file: string; positions: Positions },
): GhostError {
  const at = (path: Path): { line: number; column: number } | undefined => {
    for (let n = path.length; n > 0; n--) {
      const found = positions.get(spell(path.slice(0, n)));
      if (found) return found;
    }
    return undefined;
  };
  const order = (fault: Fault) => {
    const where = at(fault.path);
    return (fault.unknown ? 0 : 1e12) + (where ? where.line * 1e4 + where.column : 0);
  };
  const faults = issues.flatMap((issue) => faultsOf(issue, schema)).sort((a, b) => order(a) - order(b));
  const fault = faults[0]!;
  const where = at(fault.path);
  const spot = where ? `${file}:${where.line}:${where.column + 1}` : file;
  return new GhostError("bad_config", fault.message, {
    place: fault.path.length ? `${spot} ${spell(fault.path)}` : spot,
    ...(fault.mend ? { mend: fault.mend } : {}),
  });
}

function faultsOf(issue: z.core.$ZodIssue, schema: z.ZodType): Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const mend = near ? `did you mean "${near}"?` : known.length ? `known here: ${known.join(", ")}` : "take it out";
      return { path: [...issue.path, key], message: "Unknown key", mend, unknown: true };
    });
  }
  if (issue.code === "invalid_union" && issue.errors.length) {
    const inner = issue.errors.map((e) => e[0]).filter((e) => e !== undefined).map((e) => plain(e.message));
    return [{ path: issue.path, message: [...new Set(inner)].join(" or "), unknown: false }];
  }
  const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return [{
    path: issue.path,
    message: missing ? `Missing (${plain(issue.message).replace(/, .*$/, "")})` : plain(issue.message),
    unknown: false,
  }];
}

function plain(message: string): string {
  return message.replace(/^Invalid input: /, "").replace(/^expected/, "Expected").replace(/, received/, ", got");
}

/** The keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let at: unknown = schema;
  for (const step of [...path, undefined]) {
    at = unwrap(at);
    if (step === undefined) break;
    if (at instanceof z.ZodObject) at = at.shape[String(step)];
    else if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let at = schema;
  for (;;) {
    if (
      at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault ||
      at instanceof z.ZodNullable || at instanceof z.ZodReadonly
    ) at = at.def.innerType;
    else if (at instanceof z.ZodPipe) at = at.def.in;
    else return at;
  }
}

function spell(path: readonly PropertyKey[]): string {
  return path.map((p) => typeof p === "number" ? `[${p}]` : `.${String(p)}`).join("").replace(/^\./, "");
}
