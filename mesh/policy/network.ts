/** `[network]`: what holds for the network as a whole. */
import { readDuration } from "./duration.ts";
import { checkKeys, type Notes, wordOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";

/** How long what is connected stays connected without the coordinator, in seconds, unless the policy says otherwise. */
export const DEFAULT_GRACE = 30 * 86_400;

/** The seconds of `grace = "30d"`. */
export function readGrace(table: TomlTable | undefined, notes: Notes): number {
  if (!table) return DEFAULT_GRACE;
  checkKeys(table, { known: ["grace"], where: "[network]", notes });
  const word = wordOf(table, "grace", notes);
  return word && readDuration(word, { what: "grace", notes }) || DEFAULT_GRACE;
}
