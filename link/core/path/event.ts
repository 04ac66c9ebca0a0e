/** The vocabulary of the path machine of one peer. Times are milliseconds since the epoch. */
import type { Rung } from "../../../mesh/wire/local.ts";
import type { SelectedPair } from "../ice/event.ts";

export type { Rung, SelectedPair };

export type PathEvent =
  /** The quic rung to this peer became usable: my session to the gate, and the peer's presence there. */
  | { kind: "gateUp"; endpoint?: string; rttMs?: number }
  | { kind: "gateDown" }
  /** Somebody can carry signals to the peer (the coordinator's mailbox counts). */
  | { kind: "peerOnline" }
  | { kind: "peerOffline" }
  /** ICE has begun without being asked for by an action: the peer's offer came. */
  | { kind: "iceStarted" }
  | { kind: "iceSelected"; pair: SelectedPair; rttMs: number }
  | { kind: "iceConsentLost" }
  | { kind: "iceFailed" }
  /** The peer's `moved` and `moved-ack` signals; a peer of a later version may name rungs that are unknown here. */
  | { kind: "peerMoved"; rung: string; serial: number }
  | { kind: "peerMovedAck"; serial: number }
  /** WireGuard wants a handshake and gets none over the rung in use. */
  | { kind: "wgHandshakeStale" }
  /** Addresses or routes of this machine changed: old failures say nothing any more. */
  | { kind: "networkChanged" }
  | { kind: "tick" };

export type PathAction =
  /** Send on this rung. `endpoint` is the address for WireGuard on a direct rung, and the rung's own word otherwise. May repeat. */
  | { kind: "use"; rung: "direct"; endpoint: string; pair: SelectedPair }
  | { kind: "use"; rung: Exclude<Rung, "direct" | "none">; endpoint: string | null }
  | { kind: "use"; rung: "none" }
  /**
   * While on, packets of this peer that still arrive over a relay reach WireGuard with the addresses of `pair`, so that they
   * do not make it roam back. Ordered before the `use` that it belongs to. A second `on` replaces the first.
   */
  | { kind: "bridgeLateRelayed"; on: true; pair: SelectedPair }
  | { kind: "bridgeLateRelayed"; on: false }
  | { kind: "sendMoved"; rung: Rung; serial: number }
  | { kind: "sendMovedAck"; rung: string; serial: number }
  /** Begin ICE and send an `ice` message (`reply: false`). */
  | { kind: "startIce" }
  /** The same with new credentials (agent event `restart`). */
  | { kind: "restartIce" }
  /** Both ends have left this rung and it has drained: what it holds may go. */
  | { kind: "release"; rung: Rung }
  | { kind: "notify"; rung: Rung; endpoint: string | null; rttMs: number | null; since: number };
