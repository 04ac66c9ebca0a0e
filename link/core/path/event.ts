/** The vocabulary of the path machine of one peer. Times are milliseconds since the epoch. */
import type { Rung } from "../../../mesh/wire/local.ts";
import type { SelectedPair } from "../ice/event.ts";
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";

export type { Rung, SelectedPair };

/** A relayed rung that is up. */
export interface Relay {
  rung: Rung;
  /** Smaller is better; direct is 0. */
  rank: number;
  /** The rung's own word for people. */
  endpoint: string | null;
  rttMs: number | null;
  /** Where WireGuard itself sends; null when packets go through this process. */
  wireguard: TransportAddress | null;
}

export type PathEvent =
  /** A relayed rung to this peer became usable, or is usable with other values than before. */
  | { kind: "relayUp"; relay: Relay }
  | { kind: "relayDown"; rung: Rung }
  /** Somebody can carry signals to the peer (the coordinator's mailbox counts). */
  | { kind: "peerOnline" }
  | { kind: "peerOffline" }
  /** ICE has begun without being asked for by an action: the peer's offer came. */
  | { kind: "iceStarted" }
  /** The peer has answered this end's offer. */
  | { kind: "iceAnswered" }
  | { kind: "iceSelected"; pair: SelectedPair; rttMs: number }
  | { kind: "iceConsentLost" }
  | { kind: "iceFailed" }
  /** The peer's `moved` and `moved-ack` signals; a peer of a later version may name rungs that are unknown here. */
  | { kind: "peerMoved"; rung: string; serial: number }
  | { kind: "peerMovedAck"; serial: number }
  /** WireGuard knows the peer from now on. */
  | { kind: "wgConfigured" }
  /** A packet of the peer's WireGuard has come through this process, so that one knows this machine. */
  | { kind: "wgHeard" }
  /** WireGuard wants a handshake and gets none over the rung in use. */
  | { kind: "wgHandshakeStale" }
  /** The NAT before this machine gives it another address than before: a way that was not there when ICE failed. */
  | { kind: "mappingChanged" }
  /** The peer has named an address that its NAT did not give it before. */
  | { kind: "peerMappingChanged" }
  /** Addresses or routes of this machine changed: old failures say nothing any more. */
  | { kind: "networkChanged" }
  | { kind: "tick" };

export type PathAction =
  /** Send on this rung; `wireguard` is where WireGuard itself sends, null when packets go through this process. May repeat. */
  | { kind: "use"; rung: Rung; wireguard: TransportAddress | null }
  /**
   * While on, packets of this peer that still arrive over another relay reach WireGuard as if they came from `remote` to `local`
   * (null: the address that the machine sends from), so that they do not make it roam back. Ordered before the `use` that it
   * belongs to. A second `on` replaces the first.
   */
  | { kind: "bridgeLateRelayed"; on: true; remote: TransportAddress; local: string | null }
  | { kind: "bridgeLateRelayed"; on: false }
  | { kind: "sendMoved"; rung: Rung; serial: number }
  | { kind: "sendMovedAck"; rung: string; serial: number }
  /** Begin ICE and send an `ice` message (`reply: false`). */
  | { kind: "startIce" }
  /** The same with new credentials (agent event `restart`). */
  | { kind: "restartIce" }
  /** The offer is not answered: it is made once more, as it was. */
  | { kind: "offerAgain" }
  /** Both ends have left this rung and it has drained: what it holds may go. */
  | { kind: "release"; rung: Rung }
  | { kind: "notify"; rung: Rung; endpoint: string | null; rttMs: number | null; since: number };
