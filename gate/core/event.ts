/**
 * The vocabulary of the gate's core: what its host tells it and what it asks of its host.
 * Packets are not here: they take the short way `datagram()` -> `nextPacket()` (gate.ts), without an object each.
 */
import type { FromNode, SessionClaims } from "../../mesh/wire/gate_session.ts";
import type { LaneAction } from "./lanes/event.ts";
import type { LaneAddress } from "./lanes/lane.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";

/** A connection's number, given by the host and never used twice. */
export type ConnId = number;

/** Who a verified record says is at the other end. */
export interface Member {
  id: string;
  /** Identity key, base64url. */
  key: string;
  /** End of the record's validity in seconds since 1970. */
  expires: number;
}

export type GateEvent =
  /** A connection whose handshake is done. `observed` is told to the node, `source` is what the bounds count by. */
  | { t: "opened"; conn: ConnId; observed: string; source: string }
  | { t: "message"; conn: ConnId; message: FromNode }
  /** The gate's proof that `prove` asked for. */
  | { t: "proved"; conn: ConnId; proof: string }
  /** The outcome of `verify` or `recheck`. */
  | { t: "verified"; conn: ConnId; member: Member }
  /** The outcome of `hand`. */
  | { t: "handed"; conn: ConnId; head: LedgerHead }
  | { t: "rejected"; conn: ConnId; code: string; message: string }
  /** The connection is gone, whoever ended it. */
  | { t: "closed"; conn: ConnId }
  /** Ends a live session: its record no longer holds against the ledger. */
  | { t: "cut"; conn: ConnId; message: string }
  /** The gate serves this network; sent again whenever its ledger has grown. */
  | { t: "ledger"; net: string; head: LedgerHead }
  /** The node with this identity key was revoked. */
  | { t: "revoked"; net: string; key: string }
  /** Control STUN that came to the lanes' ports. */
  | { t: "lane-control"; bytes: Uint8Array; from: LaneAddress }
  /** The host could not take this lane's port. */
  | { t: "lane-failed"; port: number }
  /** Data crossed on these lanes since the last word. */
  | { t: "lane-used"; ports: number[] }
  /** This gate is about to stop: every session is told. */
  | { t: "bye" }
  /** A message about the ledger, or TURN credentials, for a live session. */
  | { t: "tell"; conn: ConnId; message: Told }
  | { t: "tick" };

/** What the host itself says to a session. */
export type Told = LedgerMessage | { t: "head"; head: LedgerHead } | { t: "turn" } & TurnGrantedCredentials;

export type GateAction =
  | LaneAction
  /** `nextControl()` has something for this connection. */
  | { t: "wake"; conn: ConnId }
  /** Sign these claims and answer with `proved`. */
  | { t: "prove"; conn: ConnId; claims: SessionClaims }
  /** Check proof and record and answer with `verified` or `rejected`. */
  | { t: "verify"; conn: ConnId; claims: SessionClaims; proof: string; record: string }
  /** Check the proof of an admin and take its entries, answer with `handed` or `rejected`. */
  | { t: "hand"; conn: ConnId; claims: SessionClaims; proof: string; entries: string[] }
  /** Check a newer record of the node `key`. */
  | { t: "recheck"; conn: ConnId; key: string; record: string }
  /** A member knows a longer ledger than this gate. */
  | { t: "behind"; net: string; seq: number }
  /** A member shows its ledger head, hands entries on or asks for some; what is answered comes as `tell`. */
  | { t: "exchange"; conn: ConnId; node: string; message: LedgerMessage | { t: "head"; head: LedgerHead } }
  /** A member asks for TURN credentials; they come as `tell`. */
  | { t: "turn"; conn: ConnId; member: Member }
  /** Close the connection; with `flush`, what waits in its control queue goes first. */
  | { t: "end"; conn: ConnId; code: CloseCode; reason: string; flush: boolean };

/** Application error codes of QUIC's CONNECTION_CLOSE, as nodes see them. */
export const CLOSE = {
  shutdown: 0,
  protocol: 1,
  refused: 2,
  replaced: 3,
  cut: 4,
  expired: 5,
  silent: 6,
  crowded: 7,
  timeout: 8,
  unproved: 9,
} as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
