/**
 * What withstands each attack: the check in the source, and what the source would be without it. `deno task attacks:mutate`
 * removes them one by one in a copy and runs the same test, which must then fail; a test that does not would prove nothing.
 * The product itself has no switch for any of this.
 */

/** One change of one file; `check` must be there exactly once. */
export interface Edit {
  file: string;
  check: string;
  without: string;
}

/** A check, and the test that must notice when it is gone. Where two layers hold, both go. */
export interface Mutation {
  what: string;
  test: string;
  edits: readonly Edit[];
}

const one = (what: string, test: string, file: string, check: string, without: string): Mutation => ({
  what,
  test,
  edits: [{ file, check, without }],
});

const JWS: Edit = {
  file: "mesh/trust/jws.ts",
  check: 'await compactVerify(jws, await publicKey(key, place), { algorithms: ["EdDSA"] });',
  without: "await publicKey(key, place);",
};
const SESSION: Edit = {
  file: "mesh/client/gate_line.ts",
  check: 'await verifySession(challenge.proof, claims("gate"), o.gate.key);',
  without: "void verifySession;",
};

const PROOFS = "row 5: no request proof passes";
const RECORDS = "row 5: no record is taken";
const ROLES = "row 7: every endpoint times every role";
const CHANGED = "row 17: a member's WireGuard key";

export const MUTATIONS: readonly Mutation[] = [
  one(
    "a token's uses are counted",
    "row 1: forty parallel joins",
    "mesh/store/machines.ts",
    "if (limits.uses !== null && count >= limits.uses) {",
    "if (limits.uses !== null && count < 0) {",
  ),
  one(
    "a comparison goes through all bytes",
    "row 2: comparing secrets",
    "mesh/wire/encoding.ts",
    "diff |= a[i]! ^ (b[i % Math.max(1, b.length)] ?? 0);",
    "if (a[i] !== b[i]) return false;",
  ),
  one(
    "the local secret is compared so",
    "row 2: every place",
    "link/host/local_api.ts",
    '!equalBytes(utf8(c.req.header("authorization") ?? ""), expected)',
    '(c.req.header("authorization") ?? "") !== `Bearer ${secret}`',
  ),
  one(
    "an address counts when the issuer has verified it",
    "row 3: only a verified address",
    "mesh/trust/admission/oidc.ts",
    'if (verified !== true || typeof email !== "string"',
    'if (typeof email !== "string"',
  ),
  one(
    "a user is issuer and subject, not an address",
    "row 3: a changed address",
    "mesh/trust/admission/oidc.ts",
    "subject: `${claims.sub}@${claims.iss}`,",
    "subject: email,",
  ),
  one(
    "the same subject at another issuer is somebody else",
    "row 3: a changed address",
    "mesh/trust/admission/oidc.ts",
    "subject: `${claims.sub}@${claims.iss}`,",
    "subject: claims.sub,",
  ),
  one(
    "a log-in is bound to the machine's key",
    "row 5: a log-in for another machine",
    "mesh/trust/admission/oidc.ts",
    "if (claims.nonce !== await oidcNonce(context.ledger.network.id, context.key)) {",
    'if (claims.nonce === "") {',
  ),
  one(
    "a request from a web page is refused",
    "row 4: the local API answers only",
    "link/host/local_api.ts",
    'c.req.header("origin") !== undefined || ',
    "",
  ),
  one(
    "a request by another name is refused",
    "row 4: the local API answers only",
    "link/host/local_api.ts",
    ' || new URL(c.req.url).hostname !== "ghostlink"',
    "",
  ),
  one(
    "a request carries the secret",
    "row 4: the local API answers only",
    "link/host/local_api.ts",
    '!equalBytes(utf8(c.req.header("authorization") ?? ""), expected)',
    "equalBytes(utf8(secret), expected)",
  ),
  {
    what: "the socket's folder is closed to others",
    test: "row 4: another user",
    edits: [
      { file: "link/host/local_api.ts", check: "{ recursive: true, mode: 0o700 }", without: "{ recursive: true }" },
      { file: "link/host/local_api.ts", check: "(mode & 0o077) !== 0", without: "(mode & 0o7000) !== 0" },
    ],
  },
  { what: "signatures of request proofs", test: PROOFS, edits: [JWS] },
  one("a proof is for one method", PROOFS, "mesh/trust/proof.ts", "claims.htm !== o.method", "claims.htm === ''"),
  one("a proof is for one path", PROOFS, "mesh/trust/proof.ts", "claims.htu !== o.path", "claims.htu === ''"),
  one(
    "a proof is for one body",
    PROOFS,
    "mesh/trust/proof.ts",
    "claims.bh !== await hashOf(o.body)",
    "claims.bh === ''",
  ),
  one("a proof is fresh", PROOFS, "mesh/trust/proof.ts", "Math.abs(skew) > MAX_CLOCK_SKEW", "Math.abs(skew) > 1e9"),
  one("a proof counts once", PROOFS, "mesh/store/replay.ts", "if (!ok) {", "if (!ok && id.length < 0) {"),
  one(
    "instances share what has been used",
    "row 5: two instances",
    "mesh/store/replay.ts",
    ".check({ key: id, versionstamp: null })",
    "",
  ),
  one(
    "a certificate's key signs for one machine",
    "row 5: a certificate's proof",
    "mesh/trust/admission/x509.ts",
    "if (holds) return;",
    "if (holds || signature.length > 0) return;",
  ),
  { what: "signatures of records and admissions", test: RECORDS, edits: [JWS] },
  one(
    "an admission names one identity",
    RECORDS,
    "mesh/trust/admission/token.ts",
    "if (claims.sub !== key)",
    "if (claims.sub === '')",
  ),
  one(
    "an admission names one network",
    RECORDS,
    "mesh/trust/admission/token.ts",
    "if (claims.net !== ledger.network.id)",
    "if (claims.net === '')",
  ),
  one(
    "tags come from the grant",
    RECORDS,
    "mesh/trust/record.ts",
    "const i = claimed.findIndex((tag) => !granted.includes(tag));",
    "const i = claimed.findIndex((tag) => tag === granted[-1]);",
  ),
  one(
    "a path is read as it was proven",
    "row 6: no spelling of a path",
    "mesh/trust/proof.ts",
    "claims.htu !== o.path",
    "claims.htu === ''",
  ),
  one(
    "prefixes are canonical",
    "row 6: a prefix that is not canonical",
    "mesh/trust/prefix.ts",
    "if (canonical !== text)",
    "if (canonical === '')",
  ),
  one(
    "who lists machines",
    ROLES,
    "mesh/server/routes/nodes.ts",
    '.get("/v1/nodes", proven, only("admin", "node"),',
    '.get("/v1/nodes", proven, only("admin", "node", "grant"),',
  ),
  one(
    "a record is its caller's",
    "row 7: a join token mints nothing",
    "mesh/trust/admission/token.ts",
    "if (claims.sub !== key)",
    "if (claims.sub === '')",
  ),
  {
    what: "mail is its receiver's",
    test: "row 7: a member reads no mail",
    edits: [
      { file: "mesh/store/keys.ts", check: '[ROOT, net, "mail", to],', without: '[ROOT, net, "mail", "all"],' },
      {
        file: "mesh/store/keys.ts",
        check: '[ROOT, net, "mail", to, seq],',
        without: '[ROOT, net, "mail", "all", seq],',
      },
    ],
  },
  one(
    "a WireGuard key is its first holder's",
    "row 7: a member takes nobody's name",
    "mesh/server/publish.ts",
    "for (const key of new Set([record.wg, record.wgNext])) if (key !== undefined)",
    "for (const key of new Set([record.wgNext])) if (key === '')",
  ),
  one(
    "a change of admins needs the quorum",
    "row 7: one of two admins",
    "mesh/trust/ledger.ts",
    "if (QUORUM_KINDS.has(entry.kind) && consenting.size < quorum) {",
    "if (QUORUM_KINDS.has(entry.kind) && consenting.size < 0) {",
  ),
  one(
    "there are no other routes",
    "row 8:",
    "mesh/server/app.ts",
    "app.notFound(notFound(app));",
    'app.notFound(notFound(app)); app.get("/debug/vars", (c) => c.text("heap"));',
  ),
  one(
    "a revoked node is out",
    "row 9: a revoked machine",
    "mesh/trust/record.ts",
    'if (ledger.isRevoked("node", key))',
    'if (ledger.isRevoked("node", ""))',
  ),
  one(
    "a revoked token admits nobody",
    "row 9: a revoked token",
    "mesh/trust/admission/token.ts",
    "if (revoked && !await staysWithout(key, { ledger, admit }))",
    "if (revoked && key === '' && !await staysWithout(key, { ledger, admit }))",
  ),
  { what: "signatures of records", test: "row 17: a peer that the coordinator injects", edits: [JWS] },
  one(
    "an admission names one identity",
    "row 17: a peer that the coordinator injects",
    "mesh/trust/admission/token.ts",
    "if (claims.sub !== key)",
    "if (claims.sub === '')",
  ),
  { what: "signatures of records", test: CHANGED, edits: [JWS] },
  one(
    "an entry's signer is an admin",
    "row 17: a policy, grant, route",
    "mesh/trust/ledger.ts",
    "if (!byAdmin && !this.#mayTell(checked)) throw",
    "if (!byAdmin && signer === '' && !this.#mayTell(checked)) throw",
  ),
  { what: "signatures of entries", test: "row 17: a policy, grant, route", edits: [JWS] },
  one(
    "a network is its genesis's hash",
    "row 17: another network's ledger",
    "mesh/trust/ledger.ts",
    "if (o.net !== undefined && id !== o.net) {",
    "if (o.net === '') {",
  ),
  one(
    "a token names a head",
    "row 17: a coordinator that hides entries",
    "link/host/join.ts",
    "if ((await ledger.hashAt(token.head.seq)) !== token.head.hash) {",
    "if (token.head.hash === '') {",
  ),
  one(
    "numbers of records only grow",
    "row 17: a rotated WireGuard key",
    "link/host/marks.ts",
    "return seq >= (this.#marks.get(id)?.seq ?? 0);",
    "return seq >= 0 || this.#marks.has(id);",
  ),
  one(
    "only a whole picture ends what it lacks",
    "row 17: what is withheld",
    "link/host/follow.ts",
    "if (event.snapshot) sweep(",
    "sweep(",
  ),
  one(
    "a broken stream is taken up again",
    "row 17: malformed and oversized",
    "link/host/follow.ts",
    "if (connected) o.events.connected(false, errorLine(error));",
    "if (connected) throw error;",
  ),
  {
    what: "entries also come from peers and gates",
    test: "row 17: a revocation that the coordinator hides",
    edits: [
      {
        file: "link/host/heads.ts",
        check: "for (const answer of send) this.#o.toPeer(id, answer);\n    if (entries.length === 0) return;",
        without: "for (const answer of send) this.#o.toPeer(id, answer);\n    if (entries.length >= 0) return;",
      },
      {
        file: "link/host/heads.ts",
        check: "for (const answer of send) this.#o.toGate(id, answer);\n    if (entries.length === 0) return;",
        without: "for (const answer of send) this.#o.toGate(id, answer);\n    if (entries.length >= 0) return;",
      },
    ],
  },
  one(
    "the highest head is on disk",
    "row 17: machines that start anew",
    "link/host/view_saver.ts",
    "this.#ledger = this.#ledger.then(() => this.#keeper.save())",
    "this.#ledger = this.#ledger.then(() => void this.#keeper)",
  ),
  one(
    "ghostctl hands entries to the gates",
    "row 17: a revocation that the coordinator hides from everybody",
    "ctl/admin/network.ts",
    "await Promise.all([this.#tellDaemon(signed), this.#tellGates(ledger, before)]);",
    "await this.#tellDaemon(signed);",
  ),
  {
    what: "a fork lets nobody new in",
    test: "row 17: two ledgers for two peers",
    edits: [
      {
        file: "link/host/network_view.ts",
        check: "if (fork === null || this.#restoring",
        without: "if (fork !== undefined || this.#restoring",
      },
      {
        file: "mesh/trust/ledger.ts",
        check: "(this.#state.grantSeq.get(key) ?? 0) <= this.#seen;",
        without: "(this.#state.grantSeq.get(key) ?? 0) <= Infinity;",
      },
    ],
  },
  {
    what: "who sealed a message is part of its seal",
    test: "row 18: boxes that a gate seals",
    edits: [
      {
        file: "mesh/trust/seal.ts",
        check: "suite.seal({ recipientPublicKey, senderKey, info }",
        without: "suite.seal({ recipientPublicKey, info }",
      },
      {
        file: "mesh/trust/seal.ts",
        check: "suite.open({ recipientKey, enc, senderPublicKey, info }",
        without: "suite.open({ recipientKey, enc, info }",
      },
    ],
  },
  one(
    "a message counts once",
    "row 18: boxes that a gate seals",
    "link/core/signal/replay.ts",
    "if (n <= this.#floor || this.#seen.has(n))",
    "if (n < 0)",
  ),
  { what: "a gate proves its identity", test: "row 18: who cannot prove", edits: [SESSION] },
  { what: "a gate's proof is for this certificate", test: "row 18: a handshake that is handed on", edits: [SESSION] },
  { what: "a TLS key is not an identity", test: "row 18: who answers at another gate's address", edits: [SESSION] },
  one(
    "a broken session is made again",
    "row 18: malformed control messages",
    "link/host/gates.ts",
    "wait = Math.min(wait * 2, LONGEST_WAIT);",
    "return void (wait = 0);",
  ),
  one(
    "who calls is told by the proof alone",
    "row 19: identity headers",
    "mesh/server/middleware/caller.ts",
    'roles: rolesOf(view, { key, id, now: seconds(c.get("deps")) })',
    'roles: c.req.header("x-forwarded-user") === "admin" ? ["admin"] : rolesOf(view, { key, id, now: seconds(c.get("deps")) })',
  ),
  one(
    "a header counts from the proxy alone",
    "row 19: a header with a certificate",
    "mesh/selfhost/client_certificate.ts",
    "if (!isWithin(address, trustedProxy)) return certificate;",
    'if (address === "") return certificate;',
  ),
  one(
    "the network does not answer for our own names",
    "row 25: the names of gates",
    "link/host/dns/names.ts",
    "const answer = ours ? null : this.#zone.answer(query);",
    "const answer = this.#zone.answer(query); void ours;",
  ),
  one(
    "no server behind the tunnel is asked for our own names",
    "row 25: the names of gates",
    "link/core/dns/upstreams.ts",
    "if (o.own.some((own) => canonicalName(own) === name)) return o.system;",
    "",
  ),
  one(
    "the set-up code is asked for",
    "row 22:",
    "mesh/store/setup.ts",
    "if (equalBytes(digest, wanted) && setup.value) return;",
    "if (setup.value) return;",
  ),
  {
    what: "a coordinator is claimed once",
    test: "row 22:",
    edits: [
      {
        file: "mesh/store/setup.ts",
        check:
          ".check({ key: keys.claim(), versionstamp: null })\n    .check({ key: keys.head(net), versionstamp: null })",
        without: "",
      },
      { file: "mesh/store/setup.ts", check: ".delete(keys.setup())\n", without: "" },
    ],
  },
  one(
    "files beside the store are private",
    "secrets:",
    "mesh/selfhost/run.ts",
    "if (storeUrl === undefined) await makePrivate(path);",
    "void makePrivate;",
  ),
];
