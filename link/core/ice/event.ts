/** The vocabulary of the ICE agent: what it is told, and what it wants done. Times are milliseconds. */
import type { WireCandidate } from "../../../mesh/wire/signal.ts";
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";

export type { TransportAddress };

/** Where ICE with one peer stands. `connected` is a selected pair with consent. */
export type IceState = "new" | "checking" | "connected" | "disconnected" | "failed";

/** A pair that carries data. `local` is how the peer sees this end, `base` the address of the socket. */
export interface SelectedPair {
  local: TransportAddress & { base: TransportAddress };
  remote: TransportAddress;
}

export type IceEvent =
  /** An address of this machine, or one that a STUN server saw; may come at any time. Answered by a `candidate` action. */
  | {
    kind: "localCandidate";
    type: "host" | "srflx" | "relay";
    address: string;
    port: number;
    base: TransportAddress;
    /** 0..65535, higher is better; by default IPv6 goes before IPv4. */
    preference?: number;
  }
  /** One that is no longer so: a generation that begins from now on does without it. */
  | { kind: "localCandidateGone"; type: "host" | "srflx" | "relay"; address: string; port: number }
  /** No more local candidates are on their way (for this network). */
  | { kind: "localCandidatesDone" }
  /**
   * The peer's `ice` message. A new ufrag that is not an answer (`reply: false`) restarts this side as well, so the caller
   * answers every message that is not a reply with `agent.local` and `agent.candidates()` as they are after the call.
   */
  | { kind: "remoteCredentials"; ufrag: string; pwd: string; reply: boolean }
  /** A candidate of the peer; `ufrag` names the generation when it came by trickle. */
  | { kind: "remoteCandidate"; candidate: WireCandidate; ufrag?: string }
  /** A STUN datagram; `to` is the local address that it reached, null when the socket does not tell. */
  | { kind: "datagram"; from: TransportAddress; to: TransportAddress | null; bytes: Uint8Array }
  /** Data that only the peer can have made has come over the selected pair: counts as consent. */
  | { kind: "consentHint" }
  /** Whether somebody sends data to the peer: then it is noticed sooner when the pair dies. */
  | { kind: "busy"; busy: boolean }
  /** Start over with new credentials; the selected pair goes on until a new one is found. */
  | { kind: "restart" }
  /** As `restart`, and all local candidates are forgotten. */
  | { kind: "networkChanged" }
  | { kind: "tick" };

export type IceAction =
  | { kind: "send"; from: TransportAddress; to: TransportAddress; bytes: Uint8Array }
  /** A local candidate to tell the peer. */
  | { kind: "candidate"; candidate: WireCandidate }
  /** Both ends use this pair. Comes again when a better pair replaces it. */
  | { kind: "selected"; pair: SelectedPair; rttMs: number }
  /** Checks of the selected pair go unanswered: a `consentHint` would be welcome, if there is reason for one. */
  | { kind: "consentDoubted" }
  /** The selected pair is dead; `selected` follows should it come back. */
  | { kind: "consentLost" }
  /** No pair works; a restart may. */
  | { kind: "failed" }
  | { kind: "state"; state: IceState };
