/** What gates are held to, and what they hold others to: rows 12, 16 and 18. */
import { type Edit, type Mutation, one } from "../mutation.ts";

const SESSION: Edit = {
  file: "mesh/client/gate_line.ts",
  check: 'await verifySession(challenge.proof, claims("gate"), o.gate.key);',
  without: "void verifySession;",
};

export const GATE: readonly Mutation[] = [
  one(
    "a nonce is good for one address, as long as that is the newest",
    "row 12: a proof of address",
    "gate/core/lanes/proofs.ts",
    "if (!equalBytes(nonce, request.nonce)) {",
    "if (request.nonce.every((byte) => byte === 0) && !equalBytes(nonce, request.nonce)) {",
  ),
  one(
    "a message counts once",
    "row 12: a sealed message",
    "link/core/signal/replay.ts",
    "if (n <= this.#floor || this.#seen.has(n))",
    "if (n < 0)",
  ),
  one(
    "answers add up to no more than requests",
    "row 16: STUN answers",
    "gate/host/stun.ts",
    "if (!this.#debt.allows({ source: source.group, ...lengths, now: performance.now() })) {",
    "if (lengths.answer === 0) {",
  ),
  one(
    "who shows no ticket is turned away before the handshake leaves",
    "row 16: QUIC sends an unproved address",
    "gate/host/door.ts",
    "if (source === null || under >= MAX_HANDSHAKES_OF_ONE) return this.#turnAway(conn);",
    "if (source === null) return void this.turnedAway++;",
  ),
  one(
    "a ticket is of one address",
    "row 16: QUIC sends an unproved address",
    "gate/core/tickets.ts",
    "data.set(address, 4);",
    "void address;",
  ),
  one(
    "a ticket is of one time",
    "row 16: QUIC sends an unproved address",
    "gate/core/tickets.ts",
    "new DataView(data.buffer).setUint32(0, hour);",
    "void hour;",
  ),
  one(
    "handshakes are bounded a source",
    "row 16: floods of first packets",
    "gate/host/door.ts",
    "under >= MAX_HANDSHAKES_OF_ONE) return this.#turnAway(conn);",
    "under >= MAX_HANDSHAKES) return this.#turnAway(conn);",
  ),
  one(
    "small first packets are dropped",
    "row 16: first packets too small for QUIC",
    "gate/core/initials.ts",
    "udp length < ${UDP_HEADER + MIN_INITIAL} counter drop`,",
    "udp length < ${UDP_HEADER} counter drop`,",
  ),
  one(
    "what has proved nothing is bounded a source",
    "row 16: connections that prove nothing",
    "gate/core/handshake.ts",
    "(board.sources.get(event.source) ?? 0) >= limits.unprovedPerSource;",
    "(board.sources.get(event.source) ?? 0) < 0;",
  ),
  one(
    "a member's asks for lanes are bounded",
    "row 16: a member that asks",
    "gate/core/lanes/lanes.ts",
    "if (this.#pairs.ofNode(net, from).pairs >= this.#limits.asksPerNode + this.#limits.perNode) {",
    "if (this.#pairs.ofNode(net, from).pairs < 0) {",
  ),
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
    "if (!next) await this.#wait(atLeast);",
    "if (!next) return void atLeast;",
  ),
];
