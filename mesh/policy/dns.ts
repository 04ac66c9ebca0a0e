/**
 * `[dns]`: names beyond the network's own, for all machines of it. Each machine's own resolver does what is said here; the
 * coordinator and gates are never resolved by it (link/core/dns/upstreams.ts).
 *
 *     [dns]
 *     upstreams = ["9.9.9.9"]                  # asked about all other names, instead of whom each machine asked before
 *     search = ["corp.example.com"]
 *     [dns.split]
 *     "corp.example.com" = ["10.1.1.53"]       # asked about this domain and all below it
 *     [dns.names]
 *     printer = ["10.1.1.2"]                   # printer.home.ghost; a name with dots stands as it is
 */
import { isLabel, suggest } from "./names.ts";
import { parseAddress } from "./prefix.ts";
import { checkKeys, type Notes, quoted, tableOf, toWords, type Word, wordsOf } from "./shape.ts";
import type { TomlTable } from "./toml.ts";
import type { DnsPolicy } from "./types.ts";

/** What holds when the policy says nothing of names. */
export const NO_DNS: DnsPolicy = { upstreams: [], search: [], split: new Map(), names: new Map() };

const KEYS = ["upstreams", "search", "split", "names"];
/** A resolver asks no more than these one after another. */
const MAX_SERVERS = 8;
/** resolv.conf(5) of older C libraries. */
const MAX_SEARCH = 6;

/** Reads `[dns]`. */
export function readDns(table: TomlTable | undefined, notes: Notes): DnsPolicy {
  if (!table) return NO_DNS;
  checkKeys(table, { known: KEYS, where: "[dns]", notes });
  const search = (wordsOf(table, "search", notes) ?? []).filter((word) => isName(word, notes));
  if (search.length > MAX_SEARCH - 1) {
    notes.fault(
      search[MAX_SEARCH - 1]!,
      `More than ${MAX_SEARCH - 1} search domains`,
      "keep the ones that are typed often",
    );
  }
  return {
    upstreams: servers(wordsOf(table, "upstreams", notes) ?? [], notes),
    search: search.map(({ text }) => text),
    split: readSplit(tableOf(table, "split", notes), notes),
    names: readNames(tableOf(table, "names", notes), notes),
  };
}

function readSplit(table: TomlTable | undefined, notes: Notes): Map<string, readonly string[]> {
  const split = new Map<string, readonly string[]>();
  for (const [domain, { key, value }] of table?.entries ?? []) {
    if (!isName({ ...key, text: domain }, notes)) continue;
    const list = toWords(value, domain, notes);
    if (list?.length === 0) notes.fault(value, `Nobody is asked about ${quoted(domain)}`, 'write ["10.1.1.53"]');
    split.set(domain, servers(list ?? [], notes));
  }
  return split;
}

function readNames(table: TomlTable | undefined, notes: Notes): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const [name, { key, value }] of table?.entries ?? []) {
    if (!isName({ ...key, text: name }, notes)) continue;
    const list = value.kind === "string"
      ? [{ text: value.value, line: value.line, column: value.column }]
      : toWords(value, name, notes) ?? [];
    if (list.length === 0) notes.fault(value, `${quoted(name)} has no address`, 'write ["10.1.1.2"]');
    names.set(name, addresses(list, { of: "a name", notes }));
  }
  return names;
}

function servers(list: readonly Word[], notes: Notes): string[] {
  if (list.length > MAX_SERVERS) {
    notes.fault(list[MAX_SERVERS]!, `More than ${MAX_SERVERS} servers`, "keep the best ones");
  }
  return addresses(list, { of: "a DNS server", notes });
}

function addresses(list: readonly Word[], { of, notes }: { of: string; notes: Notes }): string[] {
  for (const word of list) {
    if (parseAddress(word.text)) continue;
    notes.fault(
      word,
      `${quoted(word.text)} is no address of ${of}`,
      'write an IPv4 or IPv6 address, such as "10.1.1.53"',
    );
  }
  return list.map(({ text }) => text);
}

function isName(word: Word, notes: Notes): boolean {
  const { text } = word;
  if (text.length <= 253 && text.split(".").every(isLabel)) return true;
  const lower = text.toLowerCase().replace(/\.$/, "");
  const fixed = lower !== text && lower.split(".").every(isLabel) ? [lower] : [];
  notes.fault(
    word,
    `${quoted(text)} is no domain name`,
    suggest(text, fixed, "use a-z, 0-9, - and dots, without one at its end"),
  );
  return false;
}
