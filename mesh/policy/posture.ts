/**
 * `[posture.NAME]`: what a machine has to be like to open flows by a rule. Only the machine itself says what it is like: a
 * posture keeps honest machines from slipping, not dishonest ones out.
 */
import { isLabel } from "./names.ts";
import { checkKeys, type Notes, quoted, shown, wordOf, wordsOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";
import type { Posture } from "./types.ts";

/** Reads `[posture]` into name -> posture. */
export function readPostures(table: TomlTable | undefined, notes: Notes): Map<string, Posture> {
  const postures = new Map<string, Posture>();
  for (const [name, { key, value }] of table?.entries ?? []) {
    if (!isLabel(name)) notes.fault(key, `Bad name ${quoted(name)}`, "use a-z, 0-9 and -, at most 63 characters");
    postures.set(name, { name, os: [], minVersion: null });
    if (value.kind !== "table") {
      notes.fault(
        value,
        `"${name}" must be a table, not ${shown(value)}`,
        `write [posture.${name}] and os or min_version`,
      );
      continue;
    }
    checkKeys(value, { known: ["os", "min_version"], where: `[posture.${name}]`, notes });
    const os = wordsOf(value, "os", notes);
    if (os?.length === 0 || value.entries.size === 0) {
      notes.fault(value, `[posture.${name}] asks for nothing`, 'add os = ["linux"] or min_version = "0.2.0"');
    }
    for (const word of os ?? []) {
      if (!/^[a-z0-9_-]{1,64}$/.test(word.text)) {
        notes.fault(word, `Bad operating system ${quoted(word.text)}`, 'write it as ghostctl nodes list does: "linux"');
      }
    }
    const version = wordOf(value, "min_version", notes);
    const good = version === undefined || /^\d{1,9}(\.\d{1,9}){0,3}$/.test(version.text);
    if (!good) notes.fault(version, `Bad version ${quoted(version.text)}`, 'write "0.2.0"');
    const minVersion = version && good ? version.text.split(".").map(Number) : null;
    postures.set(name, { name, os: (os ?? []).map(({ text }) => text), minVersion });
  }
  return postures;
}
