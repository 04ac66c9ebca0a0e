/** What a peer needs, and what it says of its path. */
import type { Log } from "../../mesh/host/log.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import type { StunCrypto } from "../../mesh/wire/stun/mod.ts";
import type { Gates } from "./gates.ts";
import type { GuessDesk } from "./guess.ts";
import type { IceHub } from "./ice_hub.ts";
import type { Peer } from "./peer.ts";
import type { TurnDesk } from "./turn_desk.ts";
import type { Transport } from "./transport.ts";

/** What a peer needs of the daemon. */
export interface PeerHost {
  selfId: string;
  hub: IceHub;
  /** False: no direct paths are looked for. */
  direct: boolean;
  guesses: GuessDesk;
  crypto: StunCrypto;
  /** MTU of the tunnel. */
  mtu: number;
  tieBreaker: bigint;
  /** False for addresses that must not be candidates: the overlay's own, and those that only another peer's tunnel leads to. */
  accept(address: string): boolean;
  wgPort(): number;
  signal(to: string, body: SignalBody): void;
  gates: Gates;
  turn: TurnDesk;
  /** Ids of the gates where this peer says that it is found. */
  peerGates(): readonly string[];
  /** The relayed rungs; those of transports.ts unless said. */
  transports?: readonly Transport[];
  /** What `wanted()` gives has changed; the promise resolves once the machine is in line with it, also after runs that failed. */
  changed(): Promise<void>;
  moved(peer: Peer): void;
  /** A direct path does not answer: read WireGuard's counters, which may vouch for it, and ask how NATs see us. */
  doubted(): void;
  log: Log;
  /** A deadline is sooner than it was. */
  rearm(): void;
  now(): number;
}

/** How a peer is reached now. */
export interface PathState {
  rung: Rung;
  endpoint: string | null;
  rttMs: number | null;
  /** ms since 1970. */
  since: number;
}
