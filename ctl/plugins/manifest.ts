/** What a plugin's module says of itself, checked: names that shadow nothing, and permissions that mean one thing. */
import { GhostError } from "../../mesh/wire/errors.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import type { Table } from "../spec.ts";
import { STATE } from "./api.ts";

const text = z.string().min(1).max(1000);
const word = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "Expected a word of a-z, 0-9 and -");
const path = z.string().max(4096).regex(/^\/[^\p{Cc}"\\,]*$/u, "Expected an absolute path");
const list = <T extends z.ZodType>(of: T) => z.array(of).max(32).default([]);

const permissions = z.strictObject({
  net: list(
    z.string().max(260).regex(
      /^(?:\[[0-9a-fA-F:]+\]|(?:\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*)(?::\d{1,5})?$/,
      "Expected HOST or HOST:PORT",
    ),
  ),
  read: list(path),
  write: list(path),
  env: list(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}\*?$/, "Expected a variable's name")),
  run: list(path),
  state: list(z.enum(STATE)),
});
/** Lists of what each kind allows; empty for nothing. */
export type Allowed = z.infer<typeof permissions>;

/** The kinds of permission, in the order in which they are told. */
export const KINDS = ["state", "net", "read", "write", "env", "run"] as const;
export type Kind = (typeof KINDS)[number];

export const manifest = z.strictObject({
  name: word,
  permissions: permissions.default({ net: [], read: [], write: [], env: [], run: [], state: [] }),
  verbs: z.array(z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,31}( [a-z][a-z0-9-]{0,31})?$/, "Expected one or two words"),
    summary: text,
    arguments: list(z.strictObject({
      name: word,
      summary: z.string().max(1000),
      optional: z.literal(true).optional(),
      literal: z.literal(true).optional(),
      peer: z.literal(true).optional(),
      values: z.array(text).max(64).optional(),
      rest: z.literal(true).optional(),
    })),
    options: list(z.strictObject({
      name: word,
      value: z.string().min(1).max(60).optional(),
      summary: text,
      repeat: z.literal(true).optional(),
      required: z.literal(true).optional(),
    })),
    details: list(text),
    examples: z.array(z.strictObject({ line: text, what: text })).min(1).max(16),
    json: z.record(z.string(), z.unknown()),
    /** It has a function `complete`. */
    completes: z.boolean(),
  })).min(1).max(32),
});
/** A module's description of itself. */
export type Manifest = z.infer<typeof manifest>;

/**
 * Reads what a module said.
 * @param file the module, as the error's place
 * @throws GhostError `bad_input`
 */
export function readManifest(
  said: unknown,
  { file, commands, globals }: Table & { file: string },
): Manifest {
  const read = parse(manifest, said, `${file}: default`, "bad_input");
  const refuse = (message: string, mend: string): never => {
    throw new GhostError("bad_input", message, { place: file, mend });
  };
  if (["help", "complete", ...commands.map((c) => c.name.split(" ")[0])].includes(read.name)) {
    refuse(`"${read.name}" is a verb of ghostctl's own`, "give the plugin another name");
  }
  const names = read.verbs.map((v) => v.name);
  if (new Set(names).size < names.length) refuse("Two verbs have one name", "give each its own");
  for (const verb of read.verbs) {
    const [first, second] = verb.name.split(" ");
    if (first !== read.name) {
      refuse(
        `The verb "${verb.name}" does not begin with "${read.name}"`,
        "its verbs are NAME, or NAME and a second word",
      );
    }
    if (second === undefined && names.length > 1) {
      refuse(`"${verb.name}" stands beside verbs of two words`, "one verb NAME, or several of two words");
    }
    for (const { name } of verb.options) {
      if (globals.some((g) => g.name === name)) refuse(`--${name} is an option of every verb`, "give it another name");
    }
    for (const { line } of verb.examples) {
      if (!line.startsWith(`ghostctl ${verb.name}`)) {
        refuse(`"${line}" is no example of "${verb.name}"`, "examples begin with ghostctl and the verb");
      }
    }
  }
  return read;
}
