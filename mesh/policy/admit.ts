/**
 * `[[admit]]`: the ways into the network. Each method has its reader; what a method needs and lacks is a fault, and so is
 * what it does not know, because a condition that is silently ignored lets strangers in.
 *
 * Files that a rule names (a CA's certificate, a CRL) lie beside the policy; their text is in the signed policy, so that all
 * who check an admission read the same bytes.
 */
import {
  type AdmitRule,
  CERTIFICATE_NAME,
  DEFAULT_ADMIT,
  type MtlsAdmit,
  type OidcAdmit,
  type StaticAdmit,
} from "../wire/admit.ts";
import { key32 } from "../wire/schema.ts";
import { readDuration } from "./duration.ts";
import { isDomain, suggest } from "./names.ts";
import { checkKeys, flagOf, type Notes, quoted, shown, toWords, type Word, wordOf, wordsOf } from "./shape.ts";
import { readToml, type TomlTable } from "./toml.ts";

/** A log-in is good for this long, in seconds, unless the rule says otherwise. */
const DEFAULT_LIFETIME = 30 * 86_400;
const MAX_LIFETIME_DAYS = 400;
const USERS = ["san:email", "san:upn", "san:dns", "cn"] as const;
const FILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** What readers of `[[admit]]` look at. */
export interface AdmitContext {
  notes: Notes;
  /** The files that came with the policy. */
  files: Readonly<Record<string, string>>;
  /** Tags that the policy defines. */
  tags: ReadonlyMap<string, unknown>;
}

const METHODS: { [M in AdmitRule["method"]]: (table: TomlTable, context: AdmitContext) => AdmitRule | undefined } = {
  static: readStatic,
  oidc: readOidc,
  mtls: readMtls,
};

/** Reads all `[[admit]]`; without any, tokens are let in. */
export function readAdmit(tables: TomlTable[] | undefined, context: AdmitContext): readonly AdmitRule[] {
  if (!tables) return DEFAULT_ADMIT;
  const { notes } = context;
  return tables.flatMap((table): AdmitRule[] => {
    const method = wordOf(table, "method", notes);
    if (method === undefined) {
      if (!table.entries.has("method")) notes.fault(table, '[[admit]] has no "method"', 'add method = "static"');
      return [];
    }
    if (Object.hasOwn(METHODS, method.text)) {
      const rule = METHODS[method.text as AdmitRule["method"]](table, context);
      return rule ? [rule] : [];
    }
    const mend = suggest(method.text, Object.keys(METHODS), 'use method = "static", "oidc" or "mtls"');
    notes.fault(method, `Unknown admission method ${quoted(method.text)}`, mend);
    return [];
  });
}

function readStatic(table: TomlTable, { notes }: AdmitContext): StaticAdmit {
  checkKeys(table, { known: ["method", "revokes_nodes"], where: "[[admit]]", notes });
  return { method: "static", revokesNodes: flagOf(table, "revokes_nodes", notes) ?? false };
}

const OIDC_KEYS = [
  "method",
  "issuer",
  "client_id",
  "client_secret",
  "domains",
  "claims",
  "groups_claim",
  "tags",
  "lifetime",
  "watchers",
];

function readOidc(table: TomlTable, context: AdmitContext): OidcAdmit | undefined {
  const { notes } = context;
  checkKeys(table, { known: OIDC_KEYS, where: "[[admit]]", notes });
  const issuer = needed(table, "issuer", { example: '"https://login.example.com"', notes });
  if (issuer && !isIssuer(issuer.text)) {
    notes.fault(
      issuer,
      `Bad issuer ${quoted(issuer.text)}`,
      "write its https URL, exactly as its tokens say it in iss",
    );
  }
  const clientIds = readClientIds(table, notes);
  const domains = (wordsOf(table, "domains", notes) ?? []).map((word) => {
    if (!isDomain(word.text)) notes.fault(word, `${quoted(word.text)} is no domain`, 'write "example.com"');
    return word.text;
  });
  const rule: OidcAdmit = {
    method: "oidc",
    issuer: issuer?.text ?? "",
    clientIds,
    clientSecret: wordOf(table, "client_secret", notes)?.text ?? null,
    domains,
    claims: readClaims(table, notes),
    groupsClaim: wordOf(table, "groups_claim", notes)?.text ?? "groups",
    tags: readTagList(table, context),
    lifetime: readLifetime(table, notes),
    watchers: (wordsOf(table, "watchers", notes) ?? []).map((word) => {
      if (!key32.safeParse(word.text).success) {
        notes.fault(word, `${quoted(word.text)} is no public key`, "write the 43 characters that ghostctl shows");
      }
      return word.text;
    }),
  };
  return issuer ? rule : undefined;
}

function readClientIds(table: TomlTable, notes: Notes): string[] {
  const entry = table.entries.get("client_id");
  const words = entry?.value.kind === "array"
    ? toWords(entry.value, "client_id", notes)
    : [needed(table, "client_id", { example: '"ghostmesh"', notes })].filter((w) => w !== undefined);
  if (entry && words?.length === 0 && entry.value.kind === "array" && entry.value.items.length === 0) {
    notes.fault(entry.value, '"client_id" is empty, so nobody could log in', 'write client_id = "ghostmesh"');
  }
  for (const word of words ?? []) if (word.text === "") notes.fault(word, '"client_id" is empty', "name one");
  return (words ?? []).map(({ text }) => text);
}

function readClaims(table: TomlTable, notes: Notes): Record<string, readonly string[]> {
  const entry = table.entries.get("claims");
  if (!entry) return {};
  if (entry.value.kind !== "table") {
    const mend = 'write claims = { hd = ["example.com"] }';
    notes.fault(entry.value, `"claims" must be a table, not ${shown(entry.value)}`, mend);
    return {};
  }
  const claims: [string, string[]][] = [];
  for (const [name, { value }] of entry.value.entries) {
    const words = value.kind === "string" ? [value.value] : toWords(value, name, notes)?.map(({ text }) => text) ?? [];
    if (value.kind === "array" && value.items.length === 0) {
      notes.fault(value, `"${name}" is empty, so nobody would be let in`, "name the values that are let in");
    }
    claims.push([name, words]);
  }
  return Object.fromEntries(claims);
}

function readLifetime(table: TomlTable, notes: Notes): number {
  const word = wordOf(table, "lifetime", notes);
  return word && readDuration(word, { what: "lifetime", maxDays: MAX_LIFETIME_DAYS, notes }) || DEFAULT_LIFETIME;
}

function readMtls(table: TomlTable, context: AdmitContext): MtlsAdmit | undefined {
  const { notes } = context;
  checkKeys(table, { known: ["method", "ca", "user", "tags", "crl"], where: "[[admit]]", notes });
  const ca = needed(table, "ca", { example: '"office-ca.pem"', notes });
  const pem = ca && readFile(ca, { ...context, label: "CERTIFICATE" });
  const user = wordOf(table, "user", notes);
  const known = USERS.find((name) => name === user?.text);
  if (user && !known) {
    const mend = suggest(user.text, USERS, `known: ${USERS.join(", ")}`);
    notes.fault(user, `${quoted(user.text)} is no part of a certificate that names a user`, mend);
  }
  const crl = (wordsOf(table, "crl", notes) ?? []).map((word) =>
    CERTIFICATE_NAME.test(word.text) ? word.text : readFile(word, { ...context, label: "X509 CRL" }) ?? ""
  );
  return ca && { method: "mtls", ca: pem ?? "", user: known ?? null, tags: readTagList(table, context), crl };
}

/** The text of a PEM file that came with the policy. */
function readFile(word: Word, { notes, files, label }: AdmitContext & { label: string }): string | undefined {
  if (!FILE.test(word.text)) {
    notes.fault(
      word,
      `Bad file name ${quoted(word.text)}`,
      "name a file that lies beside the policy, without a folder",
    );
    return undefined;
  }
  const text = Object.hasOwn(files, word.text) ? files[word.text] : undefined;
  if (text === undefined) {
    const mend = "put it beside the policy and sign that with: ghostctl policy push FILE";
    notes.fault(word, `The file ${quoted(word.text)} is not there`, mend);
    return undefined;
  }
  if (text.includes("PRIVATE KEY-----")) {
    notes.fault(word, `${quoted(word.text)} holds a private key, and all members would read it`, "take the key out");
  } else if (!text.includes(`-----BEGIN ${label}-----`) || !text.includes(`-----END ${label}-----`)) {
    notes.fault(word, `${quoted(word.text)} holds no ${label} in PEM`, `convert it: -----BEGIN ${label}----- ...`);
  }
  return text;
}

function readTagList(table: TomlTable, { notes, tags }: AdmitContext): string[] {
  return (wordsOf(table, "tags", notes) ?? []).map((word) => {
    if (!tags.has(word.text)) {
      const name = word.text.replace(/^tag:/, "");
      notes.fault(
        word,
        `Undefined tag ${quoted(word.text)}`,
        suggest(word.text, [...tags.keys()], `define it: [tags] ${name} = []`),
      );
    }
    return word.text;
  });
}

function needed(
  table: TomlTable,
  name: string,
  { example, notes }: { example: string; notes: Notes },
): Word | undefined {
  if (!table.entries.has(name)) notes.fault(table, `[[admit]] has no "${name}"`, `add ${name} = ${example}`);
  return wordOf(table, name, notes);
}

/** OpenID Connect Discovery 1.0, section 3: an https URL without query and fragment. http is for loopback only. */
function isIssuer(text: string): boolean {
  const [, scheme, host] = /^(https?):\/\/(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:\/[^\s?#"]*)?$/.exec(text) ??
    [];
  if (text.length > 2048 || host === undefined) return false;
  return scheme === "https" || ["localhost", "127.0.0.1", "[::1]"].includes(host);
}

/**
 * The files that a policy's text names, for whoever signs it; names that could lead out of its folder are not among them.
 * A text that cannot be read names none: reading it by `parsePolicy` tells why.
 */
export function namedFiles(source: string): string[] {
  const root = readToml(source);
  const admit = "kind" in root ? root.entries.get("admit")?.value : undefined;
  if (admit?.kind !== "array") return [];
  const names = admit.items.flatMap((table) => {
    const method = table.kind === "table" ? table.entries.get("method")?.value : undefined;
    if (table.kind !== "table" || method?.kind !== "string" || method.value !== "mtls") return [];
    const crl = table.entries.get("crl")?.value;
    return [table.entries.get("ca")?.value, ...(crl?.kind === "array" ? crl.items : [])];
  });
  const files = names.flatMap((node) => node?.kind === "string" && FILE.test(node.value) ? [node.value] : []);
  return [...new Set(files.filter((name) => !CERTIFICATE_NAME.test(name)))];
}
