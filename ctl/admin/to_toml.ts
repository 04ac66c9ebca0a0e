/** The document that a policy.ts computed, as the TOML text that is signed: the same value always gives the same text. */
import { GhostError } from "../../mesh/wire/errors.ts";

/** @throws GhostError `bad_policy` with the place of a value that TOML has no form for */
export function toToml(document: unknown): string {
  if (!isTable(document)) throw bad("the default export", "Expected an object with the sections of a policy");
  const plain: string[] = [], tables: string[] = [];
  for (const [name, value] of entriesOf(document)) {
    if (isTable(value)) tables.push(`[${key(name)}]\n${body(value, name)}`);
    else if (Array.isArray(value) && value.length > 0 && value.every(isTable)) {
      value.forEach((item, i) => tables.push(`[[${key(name)}]]\n${body(item, `${name}[${i}]`)}`));
    } else plain.push(`${key(name)} = ${text(value, name)}\n`);
  }
  return [plain.join(""), ...tables].filter((part) => part !== "").join("\n");
}

function body(table: Record<string, unknown>, place: string): string {
  return entriesOf(table).map(([name, value]) => `${key(name)} = ${text(value, `${place}.${name}`)}\n`).join("");
}

function text(value: unknown, place: string): string {
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map((item, i) => text(item, `${place}[${i}]`)).join(", ")}]`;
  if (!isTable(value)) throw bad(place, `${JSON.stringify(value)} has no place in a policy`);
  const inner = entriesOf(value).map(([name, item]) => `${key(name)} = ${text(item, `${place}.${name}`)}`);
  return `{ ${inner.join(", ")} }`;
}

function entriesOf(table: Record<string, unknown>): [string, unknown][] {
  return Object.entries(table).filter(([, value]) => value !== undefined);
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function key(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : text(name, name);
}

function bad(place: string, message: string): GhostError {
  return new GhostError("bad_policy", message, { place, mend: "strings, lists, tables, true and false have" });
}
