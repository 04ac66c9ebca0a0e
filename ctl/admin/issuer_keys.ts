/** Signing keys of identity providers, as an admin or a watcher signs them into the ledger. */
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { IssuerBook, readKeySet } from "../../mesh/trust/admission/mod.ts";
import type { Ledger, LedgerIssuerKey } from "../../mesh/trust/ledger.ts";
import { parseJson } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { fetchJson } from "../../mesh/wire/fetch_json.ts";
import { readGiven } from "./given_file.ts";
import { unixTime } from "./host.ts";

type Jwk = LedgerIssuerKey["jwk"];

/** Issuers that the policy in force names, each once. */
export function namedIssuers(ledger: Ledger): string[] {
  const rules = new AdmitRules().of(ledger.policy);
  return [...new Set(rules.flatMap((rule) => rule.method === "oidc" ? [rule.issuer] : []))];
}

/**
 * The keys that the issuer shows over this machine's own TLS.
 * @throws GhostError `unreachable` with what it said
 */
export async function fetchKeys(issuer: string): Promise<Jwk[]> {
  const book = new IssuerBook({ fetchJson: (url) => fetchJson(url), now: unixTime });
  await book.refresh(issuer);
  const fault = book.fault(issuer);
  if (fault === null) return book.keysOf(issuer).map(({ jwk }) => jwk);
  throw new GhostError("unreachable", `The issuer's keys cannot be read: ${fault}`, {
    place: issuer,
    mend: "try it where the issuer can be reached, or name its key set with --file",
  });
}

/** The keys of a JWK set in a file. @throws GhostError `bad_input` */
export async function fileKeys(path: string): Promise<Jwk[]> {
  const text = await readGiven(path, "name a JWK set (RFC 7517)");
  return readKeySet(parseJson(text, { place: path, max: 1 << 20 }), path, "bad_input") as Jwk[];
}
