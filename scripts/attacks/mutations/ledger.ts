/** What a coordinator that lies is held to: row 17. */
import { JWS, type Mutation, one } from "../mutation.ts";

const CHANGED = "row 17: a member's WireGuard key";

export const LEDGER: readonly Mutation[] = [
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
    "mesh/trust/ledger_checks.ts",
    "if (net !== undefined && id !== net) {",
    "if (net === '') {",
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
    "await Promise.all([told, handToGates(this.known, { dir: this.store.dir, gates, ledger, head: before })]);",
    "await Promise.all([told, gates, handToGates]);",
  ),
  {
    what: "a fork lets nobody new in",
    test: "row 17: two ledgers for two peers",
    edits: [
      {
        file: "link/host/fork_guard.ts",
        check: "if (fork === null || this.#restoring",
        without: "if (fork !== undefined || this.#restoring",
      },
      {
        file: "mesh/trust/ledger.ts",
        check: "(this.#state.grantSeq.get(key) ?? 0) <= this.#beside.seen;",
        without: "(this.#state.grantSeq.get(key) ?? 0) <= Infinity;",
      },
    ],
  },
];
