/**
 * What a NAT is like, in the words of RFC 4787, from what STUN servers have seen of one socket (RFC 5780 sections 4.3 and 4.4).
 *
 * One server address with two ports tells an address-and-port-dependent mapping; a second server address is needed to tell an
 * address-dependent one from an endpoint-independent one, and without it the kinder of the two is taken and marked as such.
 */
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";

/** RFC 4787 section 4.1; `none` is no NAT at all, `unknown` too few answers. */
export type Mapping =
  | "none"
  | "endpoint-independent"
  | "address-dependent"
  | "address-and-port-dependent"
  | "unknown";

/** RFC 4787 section 5. One server address cannot tell the first two of its kinds apart. */
export type Filtering = "endpoint-independent or address-dependent" | "address-and-port-dependent" | "unknown";

/** Whether the mapping depends on the destination; "unsure": only one address has seen it; "unknown": nobody has looked yet. */
export type Hardness = "hard" | "easy" | "unsure" | "unknown";

/** How a server saw the socket. */
export interface Observation {
  server: TransportAddress;
  mapped: TransportAddress;
}

export interface NatKind {
  mapping: Mapping;
  /** False when a second server address could still show that the mapping depends on the address. */
  certain: boolean;
  filtering: Filtering;
  /** The outer port is the socket's own; null when nothing has answered. */
  portPreserving: boolean | null;
  /** How the first server saw the socket. */
  mapped: TransportAddress | null;
}

/**
 * Judges one socket.
 * @param o.base its own address and port
 * @param o.otherPort whether an answer from a port that was never sent to has come in; null when that was not tried
 */
export function natKind(
  o: { base: TransportAddress; observations: readonly Observation[]; otherPort: boolean | null },
): NatKind {
  const { base, observations, otherPort } = o;
  const first = observations[0]?.mapped ?? null;
  return {
    ...mappingOf(base, observations),
    filtering: otherPort === null
      ? "unknown"
      : otherPort
      ? "endpoint-independent or address-dependent"
      : "address-and-port-dependent",
    portPreserving: first && first.port === base.port,
    mapped: first,
  };
}

function mappingOf(base: TransportAddress, seen: readonly Observation[]): Pick<NatKind, "mapping" | "certain"> {
  if (seen.length === 0) return { mapping: "unknown", certain: false };
  if (seen.every(({ mapped }) => mapped.address === base.address)) return { mapping: "none", certain: true };
  const byServer = new Map<string, Set<string>>();
  for (const { server, mapped } of seen) {
    const set = byServer.get(server.address) ?? new Set();
    byServer.set(server.address, set.add(`${mapped.address} ${mapped.port}`));
  }
  const groups = [...byServer.values()];
  if (groups.some((set) => set.size > 1)) return { mapping: "address-and-port-dependent", certain: true };
  if (new Set(groups.flatMap((set) => [...set])).size > 1) return { mapping: "address-dependent", certain: true };
  if (seen.length === 1) return { mapping: "unknown", certain: false };
  return { mapping: "endpoint-independent", certain: groups.length > 1 };
}

/** Whether the socket's outer port differs by destination, so that a peer cannot learn it from a STUN server. */
export function isHard(mapping: Mapping): boolean {
  return mapping === "address-dependent" || mapping === "address-and-port-dependent";
}

/**
 * What a peer that this machine reaches adds: it is another address, which has seen the tunnel's own port.
 * @param o.base the tunnel's own address and port
 * @param o.observations how STUN services see that port
 * @param o.peer how the peer has seen it
 * @returns null where that tells nothing: the peer is on this side of the NAT, or of one of two NATs, or at a service's address
 */
export function mappingByPeer(
  o: { base: TransportAddress; observations: readonly Observation[]; peer: Observation },
): Mapping | null {
  const { base, observations, peer } = o;
  if (observations.every(({ mapped }) => mapped.address !== peer.mapped.address)) return null;
  if (observations.some(({ server }) => server.address === peer.server.address)) return null;
  const { mapping, certain } = mappingOf(base, [...observations, peer]);
  return certain ? mapping : null;
}

/** So many peers have to have seen the same. */
const WITNESSES = 2;

/**
 * What peers' sights (`mappingByPeer`, one of each peer) say together; null where that is nothing. One peer alone is not believed:
 * by one number it could make this machine open sockets for others at once, or, by the other, never open any and so keep its pairs
 * on relays. Without an answer the NAT stays "unsure", which costs a pair that has to guess one attempt of ICE and no more.
 */
export function agreed(sights: Iterable<Mapping>): Mapping | null {
  const all = [...sights];
  const [hard, easy] = [all.filter(isHard), all.filter((mapping) => !isHard(mapping))];
  const [more, fewer] = hard.length > easy.length ? [hard, easy] : [easy, hard];
  return more.length >= WITNESSES && more.length > fewer.length ? more[0]! : null;
}

/** A kind with what peers have seen, which counts where STUN services alone cannot tell. */
export function withPeer(kind: NatKind, byPeer: Mapping | null): NatKind {
  return kind.certain || kind.mapped === null || byPeer === null ? kind : { ...kind, mapping: byPeer, certain: true };
}

/**
 * How sure one is that a peer can learn this machine's outer port; null: nobody has looked yet. Where no service answers there is
 * no outer port to ask for, and nothing to open towards.
 */
export function hardnessOf(kind: NatKind | null): Hardness {
  if (kind === null) return "unknown";
  const { mapping, certain, mapped } = kind;
  if (mapped === null) return "easy";
  return isHard(mapping) ? "hard" : certain ? "easy" : "unsure";
}
