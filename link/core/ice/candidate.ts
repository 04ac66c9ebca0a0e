/** Candidates and their priorities, RFC 8445 section 5.1. */
import type { WireCandidate } from "../../../mesh/wire/signal.ts";
import { canonical, familyOf, sameAddress, type TransportAddress } from "../../../mesh/wire/stun/address.ts";

export type CandidateType = WireCandidate["type"];

/** Recommended values of RFC 8445 section 5.1.2.2: a peer-reflexive address costs no server, a relay costs one for ever. */
const TYPE_PREFERENCE: Readonly<Record<CandidateType, number>> = { host: 126, prflx: 110, srflx: 100, relay: 0 };

/** An address of this end. */
export interface LocalCandidate {
  type: CandidateType;
  at: TransportAddress;
  base: TransportAddress;
  preference: number;
  priority: number;
  foundation: string;
}

/** An address of the peer. */
export interface RemoteCandidate {
  type: CandidateType;
  at: TransportAddress;
  priority: number;
}

/** RFC 8445 section 5.1.2.1 for component 1. */
export function candidatePriority(type: CandidateType, preference: number): number {
  return TYPE_PREFERENCE[type] * 2 ** 24 + preference * 2 ** 8 + 255;
}

/** IPv6 first, as RFC 8421 advises: it is the path that may do without a NAT. */
function defaultPreference(address: string): number {
  return familyOf(address) === 6 ? 60_000 : 50_000;
}

/** A local candidate; `known` are those before it, from which its foundation follows (section 5.1.1.3). */
export function localCandidate(
  o: { type: CandidateType; at: TransportAddress; base: TransportAddress; preference?: number | undefined },
  known: readonly LocalCandidate[],
): LocalCandidate {
  const at = canonical(o.at);
  const base = canonical(o.base, "base");
  const preference = o.preference ?? defaultPreference(at.address);
  if (!Number.isInteger(preference) || preference < 0 || preference > 65535) throw new RangeError("Not a preference");
  const kin = known.find((other) => other.type === o.type && other.base.address === base.address);
  const foundation = kin?.foundation ?? String(new Set(known.map((other) => other.foundation)).size + 1);
  return { type: o.type, at, base, preference, priority: candidatePriority(o.type, preference), foundation };
}

/** A candidate as the peer is told of it. */
export function toWire({ type, at, priority, foundation }: LocalCandidate): WireCandidate {
  return { type, address: at.address, port: at.port, priority, foundation };
}

/** Whether two local candidates are one (section 5.1.3): same address, same base. */
export function sameCandidate(a: LocalCandidate, b: LocalCandidate): boolean {
  return sameAddress(a.at, b.at) && sameAddress(a.base, b.base);
}
