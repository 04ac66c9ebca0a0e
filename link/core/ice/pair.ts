/** Candidate pairs, RFC 8445 section 6.1.2. The local end of a pair is always a base: that is what sends. */
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";
import { endpointText } from "../../../mesh/wire/stun/address.ts";
import type { RemoteCandidate } from "./candidate.ts";

/** A socket's address with the best priority that a candidate on it has. */
export interface Base {
  at: TransportAddress;
  priority: number;
  preference: number;
}

export type PairState = "waiting" | "inProgress" | "succeeded" | "failed";

export interface Pair {
  readonly base: Base;
  readonly remote: RemoteCandidate;
  state: PairState;
  /** Ordinary checks sent, which is where in CHECK_WAITS it stands. */
  sends: number;
  triggeredSends: number;
  triggered: boolean;
  /** When the next check is due; Infinity for none. */
  due: number;
  lastSent: number;
  /** How the peer sees the base over this pair. */
  mapped: TransportAddress | null;
  /** Smoothed. */
  rttMs: number | null;
  /** As the newest answer had it. */
  newestRttMs: number | null;
  /** When the newest answer came. */
  answeredAt: number;
  /** The controlling side wants this pair, and it will be selected as soon as a check of our own succeeds. */
  nominated: boolean;
}

export function newPair(base: Base, remote: RemoteCandidate): Pair {
  return {
    base,
    remote,
    state: "waiting",
    sends: 0,
    triggeredSends: 0,
    triggered: false,
    due: Infinity,
    lastSent: -Infinity,
    mapped: null,
    rttMs: null,
    newestRttMs: null,
    answeredAt: -Infinity,
    nominated: false,
  };
}

/** RFC 8445 section 6.1.2.3; both ends come to the same order. */
export function pairPriority({ base, remote }: Pair, controlling: boolean): bigint {
  const g = BigInt(controlling ? base.priority : remote.priority);
  const d = BigInt(controlling ? remote.priority : base.priority);
  return (g < d ? g : d) * 2n ** 32n + (g < d ? d : g) * 2n + (g > d ? 1n : 0n);
}

/** Map key of a pair. */
export function pairKey(base: TransportAddress, remote: TransportAddress): string {
  return `${endpointText(base)} ${endpointText(remote)}`;
}
