/** The keys of a program's configuration file, as the schema that reads it has them. */
import { z } from "../../mesh/wire/schema.ts";

/** One key. */
export interface ConfigKey {
  /** `relay.listen`; a list's elements have `[]`: `link.turn[].url`. */
  path: string;
  /** As it would be written in TOML; null: none, or one that is not the same everywhere. */
  otherwise: string | null;
  meaning: string;
}

/** All keys of a schema, in its order. @throws Error for one that is not described */
export function configKeys(schema: z.ZodType, path = ""): ConfigKey[] {
  const { inner, meaning, otherwise } = unwrapped(schema);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, value]) =>
      configKeys(value, path === "" ? key : `${path}.${key}`)
    );
  }
  if (inner instanceof z.ZodArray && unwrapped(inner.element as z.ZodType).inner instanceof z.ZodObject) {
    return configKeys(inner.element as z.ZodType, `${path}[]`);
  }
  if (meaning === undefined) throw new Error(`${path} is not described`);
  return [{ path, otherwise: otherwise === undefined ? null : JSON.stringify(otherwise), meaning }];
}

/** A schema without its defaults, and what they and its descriptions said. */
function unwrapped(schema: z.ZodType): { inner: z.ZodType; meaning: string | undefined; otherwise: unknown } {
  let inner = schema, meaning: string | undefined, otherwise: unknown;
  for (;;) {
    meaning ??= inner.description;
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      otherwise ??= inner.def.defaultValue;
      inner = inner.def.innerType as z.ZodType;
    } else if (inner instanceof z.ZodOptional) inner = inner.def.innerType as z.ZodType;
    else return { inner, meaning, otherwise };
  }
}
