/**
 * Every key of the store, in one place. A network's keys begin with its id, so that one store could hold several.
 *
 * | key | value |
 * |---|---|
 * | claim | Claim: which network this coordinator serves |
 * | setup | SetupSecret: the hash of the one-time set-up secret; gone once claimed |
 * | setup-tries, minute | how many wrong secrets came in that minute; expires |
 * | NET, head | Head: newest feed sequence and newest ledger entry; every accepted change replaces it |
 * | NET, feed, seq | FeedItem; the newest FEED_KEPT of them |
 * | NET, ledger, seq | StoredText of a ledger entry |
 * | NET, node, id / NET, gate, id | StoredRecord |
 * | NET, name, name / NET, ipv4, address / NET, wg, key | id of the machine that holds it |
 * | NET, uses, grant | how many identities came in by a grant |
 * | NET, used, grant, key | this identity has been counted |
 * | NET, mail, to, seq | StoredMail; expires |
 * | NET, jti, key, jti | a request proof that has been used; expires |
 * | NET, login, hash of state | StoredLogin; expires |
 * | issuer, URL | keys of an identity provider |
 * | NET, proposal, id | StoredProposal; expires |
 * | NET, chunk, hash, n | a piece of a text that is too large for one value |
 */
const ROOT = "ghostmesh";

/** What machines hold one at a time. */
export type IndexKind = "name" | "ipv4" | "wg";
/** The two kinds of machines. */
export type MachineKind = "node" | "gate";

/** Makes the keys. */
export const keys = {
  claim: (): Deno.KvKey => [ROOT, "claim"],
  setup: (): Deno.KvKey => [ROOT, "setup"],
  setupTries: (minute: number): Deno.KvKey => [ROOT, "setup-tries", minute],
  head: (net: string): Deno.KvKey => [ROOT, net, "head"],
  feed: (net: string, seq: number): Deno.KvKey => [ROOT, net, "feed", seq],
  ledger: (net: string, seq: number): Deno.KvKey => [ROOT, net, "ledger", seq],
  machines: (net: string, kind: MachineKind): Deno.KvKey => [ROOT, net, kind],
  machine: (net: string, kind: MachineKind, id: string): Deno.KvKey => [ROOT, net, kind, id],
  index: (net: string, kind: IndexKind, value: string): Deno.KvKey => [ROOT, net, kind, value],
  uses: (net: string, grant: string): Deno.KvKey => [ROOT, net, "uses", grant],
  used: (net: string, grant: string, key: string): Deno.KvKey => [ROOT, net, "used", grant, key],
  mailbox: (net: string, to: string): Deno.KvKey => [ROOT, net, "mail", to],
  mail: (net: string, to: string, seq: number): Deno.KvKey => [ROOT, net, "mail", to, seq],
  jti: (net: string, key: string, jti: string): Deno.KvKey => [ROOT, net, "jti", key, jti],
  logins: (net: string): Deno.KvKey => [ROOT, net, "login"],
  login: (net: string, id: string): Deno.KvKey => [ROOT, net, "login", id],
  issuers: (): Deno.KvKey => [ROOT, "issuer"],
  issuer: (issuer: string): Deno.KvKey => [ROOT, "issuer", issuer],
  proposals: (net: string): Deno.KvKey => [ROOT, net, "proposal"],
  proposal: (net: string, id: string): Deno.KvKey => [ROOT, net, "proposal", id],
  chunk: (net: string, hash: string, n: number): Deno.KvKey => [ROOT, net, "chunk", hash, n],
};
