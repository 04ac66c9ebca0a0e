/** The vocabulary of the TURN client (RFC 8656). Times are milliseconds since the epoch. */
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";
import type { StunCrypto } from "../../../mesh/wire/stun/crypto.ts";

/** What the client needs from outside. */
export interface TurnCrypto extends StunCrypto {
  /** MD5, 16 bytes: the long-term key of RFC 8489 section 18.5.1 is one. */
  md5(data: Uint8Array): Uint8Array;
}

/** Long-term credentials (RFC 8489 section 9.2). */
export interface TurnCredentials {
  username: string;
  password: string;
}

export type TurnEvent =
  /** Ask for an allocation; once. */
  | { kind: "start" }
  /** One whole message of the server: STUN or ChannelData (frame.ts cuts them out of a stream). */
  | { kind: "message"; bytes: Uint8Array }
  /** Packets to and from this peer are wanted. May repeat. */
  | { kind: "permit"; peer: TransportAddress }
  /** They are no longer wanted: what stands for them at the server runs out. */
  | { kind: "forget"; peer: TransportAddress }
  /** Ask the server at once whether it still holds the allocation. */
  | { kind: "probe" }
  /** Give the allocation back. */
  | { kind: "stop" }
  | { kind: "tick" };

/** Why a client has ended. */
export type TurnEnd =
  /** No answer. */
  | "timeout"
  /** The credentials do not hold (401 again, 441). */
  | "unauthorized"
  /** This socket still has an allocation of an earlier life (437): take another local port. */
  | "mismatch"
  /** The server has forgotten the allocation. */
  | "lost"
  /** Too many allocations of this user (486), or no room at the server (508). */
  | "full"
  /** The server wants its clients elsewhere (300). */
  | "alternate"
  /** Any other refusal, or an answer that makes no sense. */
  | "refused"
  /** `stop` was asked for. */
  | "stopped";

export type TurnAction =
  /** To the server; over a stream it is padded already. */
  | { kind: "send"; bytes: Uint8Array<ArrayBuffer> }
  /** The server holds `relayed` for this client, which it sees as `mapped`. Comes once. */
  | { kind: "allocated"; relayed: TransportAddress; mapped: TransportAddress | null }
  /** Packets to this peer are passed on from now on. Comes once a permit. */
  | { kind: "permitted"; peer: TransportAddress }
  /** The server does not let us talk to this peer (403 and others), or its address is none (400, by ourselves). */
  | { kind: "denied"; peer: TransportAddress; code: number; reason: string }
  /** A packet of a peer that was permitted. */
  | { kind: "data"; peer: TransportAddress; bytes: Uint8Array }
  /** Nothing more comes; `text` is for people. */
  | { kind: "ended"; why: TurnEnd; text: string; alternate?: TransportAddress };
