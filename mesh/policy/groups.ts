/** `[groups]` and `[tags]`: members and owners, groups within groups, and no circles. */
import { isIdpGroup, isLabel, isUser } from "./names.ts";
import { groupMend } from "./selector.ts";
import { type Notes, quoted, toWords, type Word } from "./shape.ts";
import type { TomlTable } from "./toml.ts";

/** Groups within groups; far beyond any real file. */
const MAX_DEPTH = 64;

/** Reads `[groups]` into group -> users, subgroups expanded. */
export function readGroups(table: TomlTable | undefined, notes: Notes): Map<string, readonly string[]> {
  const members = new Map<string, Word[]>();
  for (const [name, { key, value }] of table?.entries ?? []) {
    checkName(name, { at: { ...key, text: name }, prefix: "group:", notes });
    members.set(name, toWords(value, name, notes) ?? []);
  }
  for (const words of members.values()) for (const word of words) checkMember(word, members, notes);

  const users = new Map<string, readonly string[]>();
  const expand = (name: string, path: readonly string[]): readonly string[] => {
    const done = users.get(name);
    if (done) return done;
    const all = new Set<string>();
    for (const word of members.get(name) ?? []) {
      const inner = subgroup(word.text);
      if (inner === undefined) all.add(word.text);
      else if (inner === name || path.includes(inner)) {
        const circle = [...path.slice(path.indexOf(inner)), name, inner].map((g) => `group:${g}`);
        if (inner === name) circle.splice(0, circle.length - 2);
        notes.fault(word, `Groups in a circle: ${circle.join(" -> ")}`, `take ${quoted(word.text)} out`);
      } else if (path.length >= MAX_DEPTH) {
        notes.fault(word, `Groups nested more than ${MAX_DEPTH} deep`, "list the users themselves");
      } else if (members.has(inner)) {
        for (const user of expand(inner, [...path, name])) all.add(user);
      }
    }
    const list = [...all].sort();
    users.set(name, list);
    return list;
  };
  for (const name of members.keys()) expand(name, []);
  return users;
}

/** Reads `[tags]` into `tag:web` -> the users who may give it. */
export function readTags(
  table: TomlTable | undefined,
  { groups, notes }: { groups: ReadonlyMap<string, readonly string[]>; notes: Notes },
): Map<string, readonly string[]> {
  const tags = new Map<string, readonly string[]>();
  for (const [name, { key, value }] of table?.entries ?? []) {
    checkName(name, { at: { ...key, text: name }, prefix: "tag:", notes });
    const owners = (toWords(value, name, notes) ?? []).filter((word) => checkMember(word, groups, notes));
    tags.set(
      `tag:${name}`,
      [...new Set(owners.flatMap(({ text }) => groups.get(subgroup(text) ?? "") ?? [text]))].sort(),
    );
  }
  return tags;
}

function subgroup(text: string): string | undefined {
  return text.startsWith("group:") ? text.slice("group:".length) : undefined;
}

function checkName(name: string, { at, prefix, notes }: { at: Word; prefix: string; notes: Notes }): void {
  if (isLabel(name)) return;
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  notes.fault(
    at,
    `Bad name ${quoted(name)}`,
    isLabel(bare) ? `write ${bare} here, and "${name}" in rules` : "use a-z, 0-9 and -, at most 63 characters",
  );
}

function checkMember(word: Word, groups: ReadonlyMap<string, unknown>, notes: Notes): boolean {
  const { text } = word;
  const name = subgroup(text);
  if (name === undefined ? isUser(text) || isIdpGroup(text) : groups.has(name)) return true;
  if (name !== undefined) {
    notes.fault(word, `Undefined group ${quoted(text)}`, groupMend(name, { groups: groups as Map<string, string[]> }));
  } else if (text.startsWith("idp:")) {
    notes.fault(word, `Bad group name ${quoted(text)}`, 'write the identity provider\'s name for it, as "idp:sre"');
  } else if (groups.has(text)) notes.fault(word, `${quoted(text)} is no user`, `did you mean "group:${text}"?`);
  else notes.fault(word, `${quoted(text)} is no user`, 'write "ann@example.com" or "group:ops"');
  return false;
}
