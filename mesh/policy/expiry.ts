/**
 * `[expiry]`: how long a machine's key counts before its user logs in again, it gets a new certificate, or comes in by a new
 * token. All who check an admission hold it against this, coordinator, gates and peers alike (mesh/trust/key_expiry.ts).
 *
 *     [expiry]
 *     static = "180d"            # by the way in: static, oidc, mtls
 *     "tag:server" = "never"     # by tag, which stands above the way in; of several tags the shortest counts
 */
import type { AdmitRule, KeyExpiry } from "../wire/admit.ts";
import { readDuration } from "./duration.ts";
import { suggest } from "./names.ts";
import { type Notes, quoted, wordOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";

const WAYS = ["static", "oidc", "mtls"];

/** The rules of admission with what `[expiry]` adds to them. */
export function withExpiry(
  admit: readonly AdmitRule[],
  table: TomlTable | undefined,
  { tags, notes }: { tags: ReadonlyMap<string, unknown>; notes: Notes },
): readonly AdmitRule[] {
  if (!table) return admit;
  const times = new Map<string, number | null>();
  for (const [name, { key }] of table.entries) {
    const known = WAYS.includes(name) || tags.has(name);
    if (!known) {
      const mend = suggest(
        name,
        [...WAYS, ...tags.keys()],
        `use ${WAYS.join(", ")}, or a tag of [tags] such as "tag:web"`,
      );
      notes.fault(key, `${quoted(name)} in [expiry] is no way in and no tag`, mend);
    } else if (WAYS.includes(name) && !admit.some(({ method }) => method === name)) {
      notes.warn(key, `Nobody comes in by ${quoted(name)}`, `add [[admit]] method = "${name}", or take it out`);
    }
    const word = wordOf(table, name, notes);
    if (!word) continue;
    const seconds = word.text === "never" ? null : readDuration(word, { what: "expiry", or: ', or "never"', notes });
    if (seconds !== undefined && known) times.set(name, seconds);
  }
  const byTag = Object.fromEntries([...times].filter(([name]) => !WAYS.includes(name)));
  return admit.map((rule) => {
    const expiry: KeyExpiry = { seconds: times.get(rule.method) ?? null, tags: byTag };
    return { ...rule, expiry };
  });
}
