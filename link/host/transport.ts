/**
 * What a relayed rung of the path ladder is made of. A rung is one file that exports a `Transport`, and one line in
 * transports.ts; everything else (the path machine, the peer, reports) knows rungs only through this interface.
 *
 * A `Carrier` is one rung to one peer. It says by itself when it can carry packets (`up`) and when no longer (`down`), and
 * the path machine decides which of those that are up is used. There are two kinds:
 * - WireGuard sends to the peer's loopback socket, and the carrier gets each packet by `send` (quic, turn);
 * - WireGuard sends to an address itself (`up({ wireguard })`), and no packet crosses JavaScript (lane).
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import type { StunCrypto, TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { Gates } from "./gates.ts";
import type { IceHub } from "./ice_hub.ts";
import type { TurnDesk } from "./turn_desk.ts";

/** A rung that the path machine may choose. */
export interface Transport {
  readonly rung: Rung;
  /** Smaller is better; direct is 0. */
  readonly rank: number;
  /** Makes the rung for one peer; it is down until it says otherwise. */
  open(host: CarrierHost): Carrier;
}

/** What a carrier may ask of the gate sessions. */
export type CarrierGates = Pick<
  Gates,
  "at" | "connected" | "towards" | "addressesOf" | "nameOf" | "send" | "carry" | "demand" | "laneAt" | "accuse"
>;

/** What a carrier may use, and whom it tells. */
export interface CarrierHost {
  readonly selfId: string;
  readonly peerId: string;
  readonly gates: CarrierGates;
  /** The socket on WireGuard's own external port; answers to what is sent there come back to the receiver that is named. */
  readonly hub: IceHub;
  readonly crypto: StunCrypto;
  /** MTU of the tunnel. */
  readonly mtu: number;
  /** This node's address at a TURN server. */
  readonly turn: TurnDesk;
  /** Ids of the gates where the peer says that it is found. */
  peerGates(): readonly string[];
  /** The rung can carry packets now; said again when endpoint or time changed. */
  up(o: Up): void;
  down(): void;
  /** A WireGuard packet of the peer. */
  received(packet: Uint8Array): void;
  /** Sends a sealed message to the peer. */
  signal(body: SignalBody): void;
  /** `nextDeadline` is sooner than it was. */
  rearm(): void;
  /** Something worth a line in what `ghostctl debug path` shows. */
  note(what: string): void;
  now(): number;
}

export interface Up {
  /** What people see behind the rung's name: a gate's name, an address. */
  endpoint: string | null;
  rttMs: number | null;
  /** Where WireGuard itself sends; left out when packets go through `send`. */
  wireguard?: TransportAddress;
}

/** Which rung of the peer's path is in use. */
export interface PathNow {
  rung: Rung;
  /** ms since 1970. */
  since: number;
}

/** One rung to one peer. */
export interface Carrier {
  /** Gate sessions, or the peer's presence there, changed. */
  reachChanged(): void;
  /** Sends a WireGuard packet; false when it cannot now. Missing where WireGuard sends by itself. */
  send?(packet: Uint8Array): boolean;
  /** A packet goes out to the peer over some rung that crosses JavaScript. */
  packetSeen?(packet: Uint8Array): void;
  /** The path moved to another rung. */
  pathChanged?(path: PathNow): void;
  /** Both ends have left this rung and it has drained. */
  release?(): void;
  /** A sealed message of the peer that is no one else's. */
  signal?(body: SignalBody): void;
  /** A message of a gate about this peer. */
  gateMessage?(gate: string, message: FromGate): void;
  /** Whether somebody sends data to the peer, over whatever rung; said now and then. */
  busy?(busy: boolean): void;
  /** Whether the gate that carries this rung leaves questions unanswered. */
  gateDoubted?(doubted: boolean): void;
  /** The machine is on another network: addresses that were learnt are void. */
  networkChanged?(): void;
  /** Why this rung is not up, where a person could mend that; null otherwise. */
  why?(): string | null;
  tick?(): void;
  /** When `tick` is due, in ms; null when nothing is waited for. */
  nextDeadline?(): number | null;
  close(): void;
}
