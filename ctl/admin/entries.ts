/** Ledger entries as people read them: who signed what, from the signed entries alone. */
import { LEDGER_TYP, type LedgerEntry, ledgerEntry } from "../../mesh/wire/ledger.ts";
import { parse } from "../../mesh/wire/schema.ts";
import { readVerifiedJws } from "../../mesh/trust/jws.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { rfc3339 } from "./host.ts";

/** One entry, with its signer. */
export interface EntryRow {
  seq: number;
  time: string;
  kind: string;
  /** Names of the admins who signed and consented; their keys when they are admins no more. */
  by: string[];
  what: string;
  hash: string;
}

/** The payload of an entry of a verified ledger, and who signed it. */
export function readEntry(jws: string): { entry: LedgerEntry; signer: string } {
  const { key, payload } = readVerifiedJws(jws, { typ: LEDGER_TYP, place: "ledger" });
  return { entry: parse(ledgerEntry, payload, "ledger", "bad_ledger"), signer: key };
}

/** All entries from number `from` on. */
export function entryRows(ledger: Ledger, from = 0): EntryRow[] {
  const names = new Map<string, string>();
  const rows: EntryRow[] = [];
  ledger.entries.forEach((jws, seq) => {
    const { entry, signer } = readEntry(jws);
    if (entry.kind === "genesis") { for (const { key, name } of entry.body.admins) names.set(key, name); }
    if (entry.kind === "admin" && entry.body.op === "add") names.set(entry.body.key, entry.body.name);
    if (seq < from) return;
    const consenting = (entry.approvals ?? []).map((a) => readVerifiedJws(a, { typ: "ghostmesh-approval+jwt" }).key);
    const by = [signer, ...consenting].map((key) => names.get(key) || key);
    rows.push({ seq, time: rfc3339(entry.iat), kind: entry.kind, by, what: whatOf(entry), hash: ledger.hashAt(seq)! });
  });
  return rows;
}

/** An entry's content in one line. */
export function whatOf(entry: LedgerEntry): string {
  switch (entry.kind) {
    case "genesis":
      return `network ${entry.body.name}, ${entry.body.admins.length} admins, quorum ${entry.body.quorum}`;
    case "admin": {
      const { op, key, name, quorum } = entry.body;
      return `${op} ${name ? `${name} ` : ""}${key}, quorum ${quorum}`;
    }
    case "policy":
      return `${entry.body.source.length} characters of ${entry.body.format}`;
    case "grant": {
      const { key, gate, tags, uses, expires, ephemeral } = entry.body;
      const parts = [gate ? "gates" : "machines", `${uses ?? "any number of"} uses`, ...tags];
      if (ephemeral) parts.push("ephemeral");
      parts.push(expires === null ? "no end" : `until ${rfc3339(expires)}`);
      return `${key}: ${parts.join(", ")}`;
    }
    case "gate":
      return `${entry.body.name} ${entry.body.key} at ${entry.body.addresses.join(", ")}`;
    case "drain":
      return `${entry.body.on ? "begin" : "end"} ${entry.body.gate}`;
    case "route":
      return `${entry.body.op} ${entry.body.prefix} via ${entry.body.node}`;
    case "node": {
      const { node, name, tags, ipv4, expires } = entry.body;
      const parts = [name && `name ${name}`, tags && `tags ${tags.join(" ") || "none"}`, ipv4];
      if (expires !== undefined) parts.push(`until ${rfc3339(expires)}`);
      return [node, ...parts.filter((p) => p)].join(", ");
    }
    case "issuer":
      return `${entry.body.issuer}: ${entry.body.jwks.length} keys`;
    case "resolve":
      return `entry ${entry.body.seq}: keep ${entry.body.keep}, drop ${entry.body.drop.join(", ")}`;
    case "revoke":
      return `${entry.body.what} ${entry.body.key}${entry.body.reason ? ` (${entry.body.reason})` : ""}`;
  }
}
