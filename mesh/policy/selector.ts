/** What rules name: reading one selector, and the names that it may refer to. */
import { isIdpGroup, isLabel, isUser, nearest, suggest } from "./names.ts";
import { isBad, isEverything, parsePrefix, type Range } from "./prefix.ts";
import { type Notes, quoted, type Word } from "./shape.ts";
import type { Selector } from "./types.ts";

/** The names that a policy defines. */
export interface Names {
  groups: ReadonlyMap<string, readonly string[]>;
  /** With `tag:`. */
  tags: ReadonlySet<string>;
  hosts: ReadonlyMap<string, Range>;
}

/**
 * Where a selector stands decides what it may be. `on`, `sender` and `receiver` are those of `[[firewall]]`, whose `from` and
 * `to` are.
 */
export type Position = "from" | "to" | "via" | "on" | "sender" | "receiver" | "test from" | "test to";

const WORDS = ["*", "self", "internet"];

/** Reads one selector; what is wrong with it is noted. */
export function readSelector(word: Word, { names, position, notes }: {
  names: Names;
  position: Position;
  notes: Notes;
}): Selector | undefined {
  const { text } = word;
  if (position === "via" && (names.hosts.has(text) || looksLikePrefix(text))) {
    notes.fault(
      word,
      `${quoted(text)} cannot stand in "via"`,
      "name the machine that carries it: a tag, a user or its name",
    );
    return undefined;
  }
  const bad = (message: string, mend: string) => void notes.fault(word, message, mend);
  if (text === "*") {
    if (!position.startsWith("test")) return { kind: "all", text };
    return bad(`"*" cannot stand in a test`, "name one user, tag, host or machine");
  }
  if (text === "self") {
    if (position.endsWith("to")) return { kind: "self", text };
    if (["on", "sender", "receiver"].includes(position)) {
      return bad(`"self" cannot stand in [[firewall]]`, 'name the machines: "*", a tag, a user or a group');
    }
    return bad(`"self" can only stand in "to"`, 'in "from" name whose machines: "*", a user, a group or a tag');
  }
  if (text === "internet") {
    if (position.endsWith("to") || position === "receiver") return { kind: "internet", text };
    return bad(`"internet" can only stand in "to"`, 'say who may use an exit node: from = ["*"], to = ["internet"]');
  }
  if (text.startsWith("idp:")) {
    if (isIdpGroup(text)) return { kind: "users", text, users: [text] };
    return bad(`Bad group name ${quoted(text)}`, 'write the identity provider\'s name for it, as "idp:sre"');
  }
  const colon = /^([a-z]+):([^:]*)$/.exec(text);
  const kind = colon?.[1], name = colon?.[2] ?? "";
  if (kind === "group") {
    const users = names.groups.get(name);
    if (users) return { kind: "users", text, users };
    return bad(`Undefined group ${quoted(text)}`, groupMend(name, names));
  }
  if (kind === "tag") {
    if (names.tags.has(text)) return { kind: "tag", text, tag: text };
    return bad(`Undefined tag ${quoted(text)}`, suggest(text, [...names.tags], `define it: [tags] ${name} = []`));
  }
  const host = names.hosts.get(text);
  if (host) return { kind: "addresses", text, range: host };
  if (isUser(text)) return { kind: "users", text, users: [text] };
  if (looksLikePrefix(text)) {
    const range = readRange(word, notes);
    return range && { kind: "addresses", text, range };
  }
  if (!isLabel(text)) return bad(`Cannot understand ${quoted(text)}`, suggest(text, known(names), FORMS));
  if (position === "from" || position === "test from" || position === "sender") {
    const near = nearest(text, known(names));
    return bad(
      `${quoted(text)} is not in [hosts], and a machine's name is its own claim, so ${
        position === "sender" ? "it can step out of the rule" : "it cannot be let in by it"
      }`,
      near ? `did you mean "${near}"?` : "give the machine a tag and name that",
    );
  }
  const near = nearest(text, known(names));
  if (near) notes.warn(word, `${quoted(text)} is taken for a machine's name`, `did you mean "${near}"?`);
  return { kind: "machine", text, name: text };
}

const FORMS =
  'write "*", "self", "tag:web", "group:ops", "ann@example.com", "10.1.1.0/24", a host or a machine\'s name';

function known(names: Names): string[] {
  return [...WORDS, ...names.tags, ...[...names.groups.keys()].map((g) => `group:${g}`), ...names.hosts.keys()];
}

/** The mend for a group that is not there. */
export function groupMend(name: string, names: Pick<Names, "groups">): string {
  const near = nearest(name, names.groups.keys());
  return near === undefined
    ? `define it: [groups] ${isLabel(name) ? name : "name"} = []`
    : `did you mean "group:${near}"?`;
}

function looksLikePrefix(text: string): boolean {
  return text.includes("/") || /^[\d.]+$/.test(text) || /^[0-9a-fA-F.]*:[0-9a-fA-F:.]*$/.test(text);
}

/** Reads a prefix or an address of the policy; what is wrong with it is noted. */
export function readRange(word: Word, notes: Notes): Range | undefined {
  const range = parsePrefix(word.text);
  if (isBad(range)) {
    const mend = range.canonical ? `write "${range.canonical}"` : 'write "10.1.1.0/24", "fd12::/64" or one address';
    notes.fault(word, `Bad prefix ${quoted(word.text)}: ${range.problem}`, mend);
    return undefined;
  }
  if (isEverything(range)) {
    const mend = 'write "internet" for what is reached through an exit node, or "*" for all machines of the network';
    notes.fault(word, `${quoted(word.text)} cannot be named as a prefix`, mend);
    return undefined;
  }
  return range;
}
