/** The machine or gate that somebody means. */
import { GhostError } from "../../mesh/wire/errors.ts";

/** By what each can be meant. */
export interface Named {
  id: string;
  /** Identity key. */
  key: string;
  name: string;
}

/** Those of this id, identity key or name. A name may look like another's id, so that counts only where it is nobody's. */
export function fitting<T extends Named>(list: readonly T[], wanted: string): T[] {
  const meant = list.filter(({ id, key }) => id === wanted || key === wanted);
  return meant.length > 0 ? meant : list.filter(({ name }) => name === wanted.toLowerCase());
}

/**
 * The one of this name, id or identity key.
 * @param o.see the command that lists them all
 * @throws GhostError `not_found`, `bad_input` when several have the name
 */
export function theOne<T extends Named>(
  list: readonly T[],
  wanted: string,
  { what, see }: { what: "machine" | "gate"; see: string },
): T {
  const found = fitting(list, wanted);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new GhostError("not_found", `No ${what} "${wanted}"`, { mend: `see: ${see}` });
  throw new GhostError("bad_input", `Several ${what}s are called "${wanted}"`, {
    mend: `name one by its id: ${found.map(({ id }) => id).join(", ")}`,
  });
}
