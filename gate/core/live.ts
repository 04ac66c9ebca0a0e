/** What a live session may do: forward packets and signals, watch others, renew its record, be asked whether it lives. */
import type { FromNode } from "../../mesh/wire/gate_session.ts";
import type { Board } from "./board.ts";
import { CLOSE, type ConnId } from "./event.ts";
import { isFrame } from "./frame.ts";
import type { Session } from "./session.ts";

/** See `GateCore.datagram`. */
export function forward(board: Board, from: Session, o: { frame: Uint8Array; now: number }): ConnId | undefined {
  if (!isFrame(o.frame)) return undefined;
  from.heard = o.now;
  const to = board.networkOf(from).members.ofFrame(o.frame);
  if (!to || to === from) {
    board.sums.packetsNowhere++;
    return undefined;
  }
  o.frame.set(from.idBytes, 1);
  to.packets.push(o.frame);
  board.sums.packets++;
  return to.conn;
}

/** A control message of a live session. */
export function control(board: Board, session: Session, o: { message: FromNode; now: number }): void {
  const { message, now } = o;
  switch (message.t) {
    case "signal":
      return signal(board, session, { message, now });
    case "watch":
      session.nextWatch = message.nodes;
      return watch(board, session, now);
    case "record":
      if (session.recordBudget.take(1, now)) {
        board.out.push({ t: "recheck", conn: session.conn, key: session.member!.key, record: message.record });
      }
      return;
    case "lane":
      if (session.laneBudget.take(1, now)) {
        const [net, from] = [board.networkOf(session).id, session.member!.id];
        board.lanes.ask({ net, from, to: message.node, want: message.want, now });
      }
      return;
    case "turn":
      if (session.turnBudget.take(1, now)) {
        board.out.push({ t: "turn", conn: session.conn, member: session.member! });
      }
      return;
    case "head":
    case "entries":
    case "want":
    case "piece":
      if (session.ledgerBudget.take(1, now)) {
        board.out.push({ t: "exchange", conn: session.conn, node: session.member!.id, message });
      }
      return;
    case "ping":
      return board.send(session, { t: "pong", n: message.n });
    case "pong":
      return;
    default:
      board.end(session, CLOSE.protocol, { reason: `"${message.t}" was not expected here` });
  }
}

function signal(board: Board, session: Session, o: { message: FromNode & { t: "signal" }; now: number }): void {
  if (!session.signalBudget.take(1, o.now)) {
    board.sums.signalsDropped++;
    return;
  }
  const to = board.networkOf(session).members.get(o.message.to);
  if (!to || to === session) {
    board.sums.signalsNowhere++;
    return;
  }
  board.sums.signals++;
  board.send(to, { t: "signal", from: session.member!.id, box: o.message.box });
}

/** Starts the watch that waits, if its budget allows it by now; the answer tells of every node in the list. */
export function watch(board: Board, session: Session, now: number): void {
  const nodes = session.nextWatch;
  if (!nodes) return;
  const cost = 1 + nodes.length;
  if (!session.watchBudget.take(cost, now)) return board.wakeBy(session.watchBudget.readyAt(cost, now));
  session.nextWatch = null;
  const network = board.networkOf(session);
  network.watch(session, nodes);
  session.control.dropPresence();
  for (const node of session.watched) {
    board.send(session, { t: "presence", node, up: network.members.get(node) !== undefined });
  }
}

/** Ends the session if its time is up, else asks after it when it is idle. */
export function tick(board: Board, session: Session, now: number): void {
  const { pingAfter, silentAfter } = board.limits;
  const expires = board.endOf(session.member!);
  if (now >= expires) return board.end(session, CLOSE.expired, { reason: "The node's record has expired" });
  if (now - session.heard >= silentAfter) {
    return board.end(session, CLOSE.silent, { reason: "The node has gone silent" });
  }
  if (now - Math.max(session.heard, session.asked) >= pingAfter) {
    session.asked = now;
    board.send(session, { t: "ping", n: ++session.pingSerial });
  }
  watch(board, session, now);
  board.wakeBy(Math.min(expires, session.heard + silentAfter, Math.max(session.heard, session.asked) + pingAfter));
}
