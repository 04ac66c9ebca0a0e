/**
 * From a connection to a session: hello, challenge, auth, welcome (mesh/wire/gate_session.ts). What has not proved itself
 * is bounded in time and number. Signatures are the host's work, asked for by `prove` and `verify`.
 */
import type { FromNode } from "../../mesh/wire/gate_session.ts";
import { EARLY_WATCH, GATE_REPLACED, nodeIdBytes } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import type { Board } from "./board.ts";
import { CLOSE, type GateEvent, type Member } from "./event.ts";
import { watch } from "./live.ts";
import { Session } from "./session.ts";

export function opened(board: Board, event: GateEvent & { t: "opened" }, now: number): void {
  const { limits } = board;
  const session = new Session(event, limits, now);
  const crowded = board.all.size - board.live >= limits.unproved ||
    (board.sources.get(event.source) ?? 0) >= limits.unprovedPerSource;
  board.all.set(event.conn, session);
  board.countSource(session, 1);
  if (!crowded) return board.wakeBy(session.authBy);
  board.sums.refused++;
  board.end(session, CLOSE.crowded, { reason: "Too many connections that have not proved themselves" });
}

/** A message of a connection that is not live yet. */
export function introduce(board: Board, session: Session, message: FromNode): void {
  if (session.stage === "opened" && message.t === "hello") return hello(board, session, message);
  if (session.stage === "challenged" && message.t === "auth") {
    session.stage = "checking";
    session.headSeq = message.head.seq;
    board.out.push({
      t: "verify",
      conn: session.conn,
      claims: { role: "node", ...session.claims! },
      proof: message.proof,
      record: message.record,
    });
    return;
  }
  if (session.stage === "challenged" && message.t === "hand") {
    session.stage = "checking";
    const { proof, entries } = message;
    board.out.push({ t: "hand", conn: session.conn, claims: { role: "node", ...session.claims! }, proof, entries });
    return;
  }
  // Sent along with `auth`, it is answered along with the welcome.
  if (session.stage === "checking" && message.t === "watch" && message.nodes.length <= EARLY_WATCH) {
    session.nextWatch = message.nodes;
    return;
  }
  board.refuse(session, "bad_input", `"${message.t}" was not expected here`);
}

/** The host has taken what an admin handed over, as far as it could: it is told how far, and goes. */
export function handed(board: Board, session: Session, head: LedgerHead): void {
  board.send(session, { t: "handed", head });
  board.end(session, CLOSE.shutdown, { reason: "", flush: true });
}

function hello(board: Board, session: Session, message: FromNode & { t: "hello" }): void {
  if (board.networks.size === 0) {
    return board.refuse(session, "not_claimed", "This gate belongs to no network yet");
  }
  if (!board.networks.has(message.net)) {
    return board.refuse(session, "wrong_network", "This gate does not serve that network");
  }
  session.stage = "challenged";
  session.claims = {
    net: message.net,
    gate: board.options.key,
    node: message.key,
    cert: board.options.cert,
    nonces: [message.nonce, board.options.nonce()],
  };
  board.out.push({ t: "prove", conn: session.conn, claims: { role: "gate", ...session.claims } });
}

/** The host has signed the challenge. */
export function proved(board: Board, session: Session, proof: string): void {
  board.send(session, { t: "challenge", key: board.options.key, nonce: session.claims!.nonces[1], proof });
}

/** The host has checked proof and record: the connection becomes a session, or a live one gets its newer record. */
export function verified(board: Board, session: Session, o: { member: Member; now: number }): void {
  const { member, now } = o;
  if (member.key !== session.claims?.node) return;
  if (session.stage === "live") {
    session.member = member;
    return board.wakeBy(board.endOf(member));
  }
  if (session.stage !== "checking") return;
  const network = board.networkOf(session);
  const before = network.members.get(member.id);
  if (!before && board.live >= board.limits.sessions) return board.refuse(session, "too_many", "This gate is full");
  // The newcomer takes the place before the older session ends: those who watch this node see no gap.
  board.countSource(session, -1);
  board.live++;
  session.stage = "live";
  session.member = member;
  session.idBytes = nodeIdBytes(member.id);
  session.heard = now;
  network.members.set(member.id, session);
  if (before) board.end(before, CLOSE.replaced, { reason: GATE_REPLACED });
  board.send(session, { t: "welcome", observed: session.observed, lanes: board.lanes.given, head: network.head });
  if (!before) board.tellPresence(network, member.id, true);
  watch(board, session, now);
  if (session.headSeq > network.head.seq) board.out.push({ t: "behind", net: network.id, seq: session.headSeq });
  board.wakeBy(Math.min(now + board.limits.pingAfter, board.endOf(member)));
}
