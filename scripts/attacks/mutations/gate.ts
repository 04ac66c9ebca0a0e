/** What gates are held to, and what they hold others to: rows 12, 16 and 18. */
import { type Edit, type Mutation, one } from "../mutation.ts";

const SESSION: Edit = {
  file: "mesh/client/gate_line.ts",
  check: 'await verifySession(challenge.proof, claims("gate"), o.gate.key);',
  without: "void verifySession;",
};

export const GATE: readonly Mutation[] = [
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
    "link/host/gate_keeper.ts",
    "wait = Math.min(wait * 2, LONGEST_WAIT);",
    "return void (wait = 0);",
  ),
];
