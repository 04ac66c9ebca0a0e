/** `[network]`: what holds for the network as a whole. */
import { checkKeys, type Notes, quoted, wordOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";

/** How long what is connected stays connected without the coordinator, unless the policy says otherwise. */
export const DEFAULT_GRACE = 30 * 86_400;
const MAX_GRACE = 3650 * 86_400;
const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

/** The seconds of `grace = "30d"`. */
export function readGrace(table: TomlTable | undefined, notes: Notes): number {
  if (!table) return DEFAULT_GRACE;
  checkKeys(table, { known: ["grace"], where: "[network]", notes });
  const word = wordOf(table, "grace", notes);
  if (!word) return DEFAULT_GRACE;
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(word.text) ?? [];
  const seconds = Number(count) * (UNITS[unit ?? ""] ?? NaN);
  if (seconds <= MAX_GRACE) return seconds;
  notes.fault(word, `Bad grace ${quoted(word.text)}`, 'write "12h" or "30d", at most "3650d"');
  return DEFAULT_GRACE;
}
