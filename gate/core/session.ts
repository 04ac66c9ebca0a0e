/** One connection as the core sees it. */
import type { SessionClaims } from "../../mesh/wire/gate_session.ts";
import { Bucket } from "./bucket.ts";
import { ControlQueue } from "./control_queue.ts";
import type { ConnId, Member } from "./event.ts";
import type { Limits } from "./limits.ts";
import { PacketQueue } from "./packet_queue.ts";

/**
 * `opened` waits for hello, `challenged` for auth, `checking` for the host's verdict, `live` is a session,
 * `ending` waits for the connection to go.
 */
export type Stage = "opened" | "challenged" | "checking" | "live" | "ending";

export class Session {
  readonly conn: ConnId;
  readonly observed: string;
  readonly source: string;
  readonly control: ControlQueue;
  readonly packets: PacketQueue;
  readonly signalBudget: Bucket;
  readonly watchBudget: Bucket;
  readonly recordBudget: Bucket;
  readonly laneBudget: Bucket;
  readonly ledgerBudget: Bucket;
  readonly turnBudget: Bucket;
  stage: Stage = "opened";
  /** What both ends sign, without the role; set by hello. */
  claims: Omit<SessionClaims, "role"> | null = null;
  /** The ledger that the node says it knows. */
  headSeq = 0;
  /** Set while live, with the id's bytes as frames carry it. */
  member: Member | null = null;
  idBytes: Uint8Array = new Uint8Array();
  /** When the proof must be there. */
  authBy: number;
  /** When the node was last heard, and last asked. */
  heard: number;
  asked = 0;
  pingSerial = 0;
  watched: Set<string> = new Set();
  /** A list that waits until the budget allows it; only the newest waits. */
  nextWatch: string[] | null = null;

  constructor(o: { conn: ConnId; observed: string; source: string }, limits: Limits, now: number) {
    this.conn = o.conn;
    this.observed = o.observed;
    this.source = o.source;
    this.control = new ControlQueue(limits);
    this.packets = new PacketQueue({ packets: limits.packets, bytes: limits.packetBytes });
    this.signalBudget = new Bucket({ rate: limits.signalRate, burst: limits.signalBurst }, now);
    this.watchBudget = new Bucket({ rate: limits.watchRate, burst: limits.watchBurst }, now);
    this.recordBudget = new Bucket({ rate: limits.recordRate, burst: limits.recordBurst }, now);
    this.laneBudget = new Bucket({ rate: limits.laneRate, burst: limits.laneBurst }, now);
    this.ledgerBudget = new Bucket({ rate: limits.ledgerRate, burst: limits.ledgerBurst }, now);
    this.turnBudget = new Bucket({ rate: limits.turnRate, burst: limits.turnBurst }, now);
    this.authBy = now + limits.authTime;
    this.heard = now;
  }
}
