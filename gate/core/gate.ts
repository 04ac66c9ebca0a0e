/**
 * The gate's decisions: who may hold a session, who hears of whom, and where packets and signals go.
 *
 * - A connection proves itself in time (handshake.ts); what has not is bounded in number, in all and per source.
 * - A session is a node id within one network. A newer session of the same node takes its place without a gap.
 * - Signals and packets go only to live sessions of the same network, through bounded queues of the receiver: one slow
 *   receiver costs nobody else anything (live.ts).
 * - Lanes, over which two members exchange packets without this process, have rules of their own (lanes/lanes.ts).
 * - The core knows no keys and no ledger: the host tells it what is revoked or no longer holds.
 *
 * Left out on purpose: fairness between several senders to one receiver, and accounting of bytes.
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import { Board, type GateOptions, type Sums } from "./board.ts";
import { CLOSE, type ConnId, type GateAction, type GateEvent, type Member } from "./event.ts";
import { handed, introduce, opened, proved, verified } from "./handshake.ts";
import { control, forward, tick } from "./live.ts";
import { Network } from "./network.ts";

export type { GateOptions } from "./board.ts";

/** Sums since the start, and what is there now. */
export interface GateCounts extends Sums {
  sessions: number;
  unproved: number;
  lanes: number;
  lanesOpened: number;
  lanesRefused: number;
  /** An end moved to another address. */
  laneMoves: number;
  /** Control STUN that proved nothing. */
  laneControlBad: number;
}

/** Two clocks, in ms. */
export interface GateTime {
  /** One that goes on steadily, from anywhere, whatever is done to the machine's own: all that the gate waits for goes by it. */
  now: number;
  /** The machine's own, since 1970: only what is signed ends by it. */
  wall: number;
}

/** See the module's header. Times are ms of the steady clock. */
export class GateCore {
  readonly #board: Board;

  constructor(options: GateOptions) {
    this.#board = new Board(options);
  }

  /** When `tick` should come at the latest. */
  nextDeadline(): number {
    return this.#board.wakeAt;
  }

  counts(): GateCounts {
    const { all, live, sums, lanes } = this.#board;
    const counts = {
      sessions: live,
      unproved: all.size - live,
      ...sums,
      lanes: lanes.size,
      lanesOpened: lanes.sums.opened,
      lanesRefused: lanes.sums.refused,
      laneMoves: lanes.sums.moves,
      laneControlBad: lanes.sums.badControl,
    };
    for (const session of all.values()) {
      counts.packetsDropped += session.packets.dropped;
      counts.signalsDropped += session.control.dropped;
    }
    return counts;
  }

  /** Who is at the other end of a live session. */
  memberOf(conn: ConnId): Member | null {
    return this.#board.at(conn, "live")?.member ?? null;
  }

  /** The live session of a node; null when it has none. */
  connOf(net: string, node: string): ConnId | null {
    return this.#board.networks.get(net)?.members.get(node)?.conn ?? null;
  }

  /** The next control message for a connection, taken from its queue. */
  nextControl(conn: ConnId): FromGate | undefined {
    return this.#board.all.get(conn)?.control.shift();
  }

  /** The next packet for a connection, taken from its queue. */
  nextPacket(conn: ConnId): Uint8Array | undefined {
    return this.#board.all.get(conn)?.packets.shift();
  }

  /**
   * Takes a datagram of `conn` and queues it for its receiver, with the sender's id written over the receiver's in the
   * same buffer. Returns the receiver's connection, or undefined when the datagram is dropped.
   */
  datagram(conn: ConnId, frame: Uint8Array, now: number): ConnId | undefined {
    const session = this.#board.at(conn, "live");
    return session && forward(this.#board, session, { frame, now });
  }

  handle(event: GateEvent, { now, wall }: GateTime): GateAction[] {
    const board = this.#board;
    board.out = [];
    board.now = now;
    board.wall = wall;
    this.#handle(event, now);
    return board.out;
  }

  #handle(event: GateEvent, now: number): void {
    const board = this.#board;
    switch (event.t) {
      case "opened":
        return opened(board, event, now);
      case "message": {
        const session = board.all.get(event.conn);
        if (!session || session.stage === "ending") return;
        session.heard = now;
        if (session.stage === "live") return control(board, session, { message: event.message, now });
        return introduce(board, session, event.message);
      }
      case "proved": {
        const session = board.at(event.conn, "challenged");
        return session && proved(board, session, event.proof);
      }
      case "verified": {
        const session = board.all.get(event.conn);
        return session && verified(board, session, { member: event.member, now });
      }
      case "handed": {
        const session = board.at(event.conn, "checking");
        return session && handed(board, session, event.head);
      }
      case "rejected": {
        // A newer record that does not hold leaves a session on the one before, until that expires or is cut.
        const session = board.at(event.conn, "challenged") ?? board.at(event.conn, "checking");
        return session && board.refuse(session, event.code, event.message);
      }
      case "closed":
        return this.#closed(event.conn);
      case "cut": {
        const session = board.at(event.conn, "live");
        return session && board.end(session, CLOSE.cut, { reason: event.message });
      }
      case "tell": {
        const session = board.at(event.conn, "live");
        return session && board.send(session, event.message);
      }
      case "ledger":
        return this.#ledger(event.net, event.head);
      case "revoked":
        return this.#revoked(event);
      case "bye":
        for (const session of board.all.values()) if (session.stage === "live") board.send(session, { t: "bye" });
        return;
      case "lane-control":
        return board.lanes.control(event.bytes, event.from, now);
      case "lane-failed":
        return board.lanes.failed(event.port, now);
      case "lane-used":
        return board.lanes.used(event.ports, now);
      case "tick":
        return this.#tick(now);
    }
  }

  #closed(conn: ConnId): void {
    const board = this.#board;
    const session = board.all.get(conn);
    if (!session) return;
    board.leave(session);
    board.countSource(session, -1);
    board.sums.packetsDropped += session.packets.dropped;
    board.sums.signalsDropped += session.control.dropped;
    board.all.delete(conn);
  }

  #ledger(net: string, head: LedgerHead): void {
    const network = this.#board.networks.get(net);
    if (!network) {
      this.#board.networks.set(net, new Network(net, head));
      return;
    }
    const grown = head.seq > network.head.seq;
    network.head = head;
    if (grown) this.#board.lanes.cutAbsent(net, this.#board.now);
    for (const session of network.members.values()) this.#board.send(session, { t: "head", head });
  }

  #revoked(event: GateEvent & { t: "revoked" }): void {
    const members = this.#board.networks.get(event.net)?.members;
    for (const session of members ? [...members.values()] : []) {
      if (session.member!.key === event.key) {
        this.#board.end(session, CLOSE.cut, { reason: "This node is revoked" });
      }
    }
  }

  #tick(now: number): void {
    const board = this.#board;
    board.wakeAt = Infinity;
    board.lanes.tick(now);
    for (const session of [...board.all.values()]) {
      if (session.stage === "live") tick(board, session, now);
      else if (session.stage === "ending") continue;
      else if (now < session.authBy) board.wakeBy(session.authBy);
      else board.end(session, CLOSE.timeout, { reason: "No proof in time" });
    }
  }
}
