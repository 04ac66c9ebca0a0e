/** What the three ways to a port mapping have in common. */
import type { TransportAddress } from "../../../mesh/wire/stun/mod.ts";

export type MapProtocol = "pcp" | "nat-pmp" | "upnp";

/** The way out: the router that is asked, the address that it sees this machine with, and WireGuard's port. */
export interface Way {
  gateway: string;
  source: string;
  port: number;
}

/** What a router did; `epoch` is its clock in s, null when the protocol has none. */
export type Mapped =
  | { kind: "mapped"; external: TransportAddress; lifetime: number; epoch: number | null }
  | { kind: "refused"; why: string }
  | { kind: "silent" };

/** A router that answered to one protocol. */
export interface Mapper {
  readonly protocol: MapProtocol;
  /** Makes the mapping, or makes it anew. @param suggested the outer place of before */
  map(suggested: TransportAddress | null): Promise<Mapped>;
  /** The router's clock in s, null when it does not answer or has none. */
  epoch(): Promise<number | null>;
  /** Removes it; resolves when the router has said so, or is silent. */
  unmap(external: TransportAddress): Promise<void>;
}

/** Looks for a router that speaks one protocol; null when none answers. */
export type Finder = (way: Way) => Promise<Mapper | null>;
