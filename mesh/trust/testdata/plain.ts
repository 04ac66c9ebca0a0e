/** The plainest of what is signed, for tests that care about one thing in it. */
import type { LedgerBody } from "../../wire/ledger.ts";
import type { NodeRecord } from "../../wire/record.ts";

/** A grant that admits nodes by this key, as many as come and for good. */
export function plainGrant(key: string, change: Partial<LedgerBody<"grant">> = {}): LedgerBody<"grant"> {
  return { key, tags: [], prefixes: [], ephemeral: false, gate: false, expires: null, uses: null, ...change };
}

/** A network named `name` with this one admin. @param salt 32 bytes, base64url */
export function plainGenesis(name: string, admin: string, salt: string): LedgerBody<"genesis"> {
  const admins = [{ key: admin, name: "ann" }];
  return { name, suffix: `${name}.ghost`, admins, quorum: 1, ipv4: "100.64.0.0/10", salt };
}

type Own = "net" | "iat" | "name" | "wg" | "seal" | "ipv6" | "proof";

/** What a machine says of itself that has nothing more to say; good for a day. */
export function plainRecord(o: Pick<NodeRecord, Own> & Partial<NodeRecord>): NodeRecord {
  return {
    v: 1,
    seq: 1,
    exp: o.iat + 86_400,
    ipv4: null,
    gates: [],
    routes: [],
    tags: [],
    os: "linux",
    version: "0.1.0",
    ...o,
  };
}
