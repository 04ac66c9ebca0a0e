/**
 * acls.toml -> Policy. One pass notes every fault with its line and column; what this version cannot enforce is a fault
 * too, because a rule that is silently ignored is a promise broken.
 */
import { GhostError } from "../wire/errors.ts";
import { readAdmit } from "./admit.ts";
import { readFirewall } from "./firewall_rule.ts";
import { readGroups, readTags } from "./groups.ts";
import { readDns } from "./dns.ts";
import { withExpiry } from "./expiry.ts";
import { isLabel } from "./names.ts";
import { lint } from "./lint.ts";
import { readGrace } from "./network.ts";
import { readPostures } from "./posture.ts";
import { readRoutes } from "./routes.ts";
import { readPorts, readRule } from "./rule.ts";
import type { Range } from "./prefix.ts";
import { type Names, type Position, readRange, readSelector } from "./selector.ts";
import { checkKeys, Notes, quoted, tableOf, tablesOf, type Word, wordOf, wordsOf } from "./shape.ts";
import { readToml, type TomlTable } from "./toml.ts";
import type { Fault, Policy, TestCase } from "./types.ts";

/** What a ledger entry can carry (wire/ledger.ts). */
const MAX_SOURCE = 900_000;
const FILE = "acls.toml";
const SECTIONS = [
  "network",
  "groups",
  "tags",
  "hosts",
  "posture",
  "allow",
  "firewall",
  "routes",
  "dns",
  "admit",
  "expiry",
  "test",
];
/** What rules and `[routes]` understand otherwise. */
const RESERVED = ["self", "internet", "exit"];

/** What belongs to a policy's text. */
export interface PolicyOptions {
  /** Its name, for places of faults. */
  file?: string;
  /** The files that it names, as they are in the signed policy. */
  files?: Readonly<Record<string, string>>;
}

/** The outcome of reading a policy: `policy` is null when there is any fault. Faults are in the order of the file. */
export interface PolicyCheck {
  policy: Policy | null;
  faults: Fault[];
  warnings: Fault[];
}

/**
 * Reads a policy.
 * @throws GhostError `bad_policy` for the first fault, with `place` as `acls.toml:12:3` and the mend
 */
export function parsePolicy(source: string, o: PolicyOptions = {}): Policy {
  const { policy, faults } = checkPolicy(source, o);
  if (policy) return policy;
  throw faultError(faults[0]!, o.file ?? FILE);
}

/** A fault as the error that is shown and thrown. */
export function faultError(fault: Fault, file: string): GhostError {
  const place = `${file}:${fault.line}:${fault.column}`;
  return new GhostError(
    "bad_policy",
    fault.message,
    fault.mend === undefined ? { place } : { place, mend: fault.mend },
  );
}

/** Reads a policy and tells every fault and warning. */
export function checkPolicy(source: string, { file = FILE, files = {} }: PolicyOptions = {}): PolicyCheck {
  const notes = new Notes();
  const policy = read(source, { file, files, notes });
  if (policy && notes.faults.length === 0) lint(policy, notes);
  const inOrder = (list: Fault[]) => list.sort((a, b) => a.line - b.line || a.column - b.column);
  return {
    policy: notes.faults.length === 0 ? policy : null,
    faults: inOrder(notes.faults),
    warnings: inOrder(notes.warnings),
  };
}

function read(source: string, { file, files, notes }: Required<PolicyOptions> & { notes: Notes }): Policy | null {
  const top = { line: 1, column: 1 };
  if (source.length > MAX_SOURCE) {
    notes.fault(top, `Longer than ${MAX_SOURCE} characters`, "use groups and tags instead of many single names");
    return null;
  }
  const root = readToml(source);
  if (!("kind" in root)) {
    notes.fault(root, root.message, root.mend);
    return null;
  }
  checkKeys(root, { known: SECTIONS, where: "the policy", notes });
  const grace = readGrace(tableOf(root, "network", notes), notes);
  const groups = readGroups(tableOf(root, "groups", notes), notes);
  const tags = readTags(tableOf(root, "tags", notes), { groups, notes });
  const hosts = readHosts(tableOf(root, "hosts", notes), notes);
  const hostPlaces = new Map(
    [...tableOf(root, "hosts", new Notes())?.entries ?? []].map(([name, { key }]) => [name, key]),
  );
  const names: Names = { groups, tags: new Set(tags.keys()), hosts };
  const postures = readPostures(tableOf(root, "posture", notes), notes);
  const rules = (tablesOf(root, "allow", notes) ?? []).map((table, index) =>
    readRule(table, { index, names, postures, notes })
  );
  const firewall = (tablesOf(root, "firewall", notes) ?? []).map((table, index) =>
    readFirewall(table, { index, names, notes })
  );
  const routes = readRoutes(tableOf(root, "routes", notes), { names, notes });
  const dns = readDns(tableOf(root, "dns", notes), notes);
  const ways = readAdmit(tablesOf(root, "admit", notes), { notes, files, tags });
  const admit = withExpiry(ways, tableOf(root, "expiry", notes), { tags, notes });
  const tests = (tablesOf(root, "test", notes) ?? []).flatMap((table) => readTest(table, names, notes));
  return {
    file,
    grace,
    groups,
    tags,
    hosts,
    hostPlaces,
    postures,
    rules,
    firewall,
    routes,
    dns,
    admit,
    tests,
    warnings: notes.warnings,
  };
}

function readHosts(table: TomlTable | undefined, notes: Notes): Map<string, Range> {
  const hosts = new Map<string, Range>();
  for (const [name, { key }] of table?.entries ?? []) {
    if (!isLabel(name)) {
      notes.fault(key, `Bad name ${quoted(name)}`, "use a-z, 0-9 and -, at most 63 characters");
    } else if (RESERVED.includes(name)) {
      notes.fault(key, `${quoted(name)} has a meaning of its own`, "choose another name");
    }
    const word = wordOf(table!, name, notes);
    const range = word && readRange(word, notes);
    if (range) hosts.set(name, range);
    else hosts.set(name, { family: 4, first: 0n, last: 0n }); // its fault is noted; rules that name it have none of their own
  }
  return hosts;
}

function readTest(table: TomlTable, names: Names, notes: Notes): TestCase[] {
  checkKeys(table, { known: ["from", "accept", "deny"], where: "[[test]]", notes });
  const source = wordOf(table, "from", notes);
  if (!table.entries.has("from")) notes.fault(table, '[[test]] has no "from"', 'add from = "ann@example.com"');
  if (!table.entries.has("accept") && !table.entries.has("deny")) {
    notes.fault(table, '[[test]] has neither "accept" nor "deny"', 'add accept = ["tag:web tcp/443"]');
  }
  const read = (word: Word, position: Position) => readSelector(word, { names, position, notes });
  const from = source && read(source, "test from");
  return (["accept", "deny"] as const).flatMap((expect) =>
    (wordsOf(table, expect, notes) ?? []).flatMap((word): TestCase[] => {
      const [target = "", ...services] = word.text.trim().split(/\s+/);
      const { line, column, text } = word;
      const to = read({ text: target, line, column }, "test to");
      const ports = services.length === 0
        ? null
        : readPorts(services.map((service) => ({ text: service, line, column })), notes);
      return from && to ? [{ line, column, text, expect, from, to, ports }] : [];
    })
  );
}
