/**
 * What this machine's network should look like, and what it looks like: the two sides of every plan. A plan is a pure diff,
 * so that applying it twice changes nothing the second time, and a half-finished change is simply finished by the next one.
 *
 * Left out on purpose: secrets. A private key is named by its public key; the host that applies a plan looks it up.
 */
import type { TableParts } from "./nft_table.ts";

/** A UDP endpoint; IPv6 addresses without brackets. */
export interface Endpoint {
  address: string;
  port: number;
}

/**
 * Who decides on a peer's endpoint once it is configured: with "pin" we do, and set it again whenever it differs; with
 * "roam" WireGuard does (it follows the last authentic packet), and we set it only when the peer has none.
 */
export type EndpointPolicy = "pin" | "roam";

/** A peer as it should be configured. */
export interface DesiredPeer {
  /** WireGuard public key, base64url. */
  publicKey: string;
  /** Null: leave what is there (a peer that only answers, or one without a path yet). */
  endpoint: Endpoint | null;
  endpointPolicy: EndpointPolicy;
  /** Prefixes; no two peers may name the same one. A retiring key has none. */
  allowedIps: readonly string[];
  /** Seconds; 0 is off. */
  keepalive: number;
}

/** A route into the tunnel. */
export interface DesiredRoute {
  prefix: string;
  /** Address that locally started traffic gets as its source; the kernel chooses without one. */
  source?: string;
}

/** The WireGuard side of the tunnel. */
export interface DesiredWireGuard {
  /** Public key (base64url) of the private key that the interface should have. */
  publicKey: string;
  /** Null: whichever port it has. */
  listenPort: number | null;
  /** Mark of its own packets, by which they stay out of an exit node's tunnel; left out: whichever it has. */
  fwmark?: number;
  peers: readonly DesiredPeer[];
}

/** Addresses and state of the tunnel interface. */
export interface DesiredAddresses {
  /** Own addresses with prefix length, such as `100.64.1.2/32`. */
  addresses: readonly string[];
  mtu: number;
}

/** Everything this node wants of the machine it runs on. */
export interface DesiredState extends DesiredWireGuard, DesiredAddresses {
  iface: string;
  routes: readonly DesiredRoute[];
  /** Parts of the link's own nftables table; null without a firewall to keep. */
  nft: TableParts | null;
}

/** A peer as WireGuard tells of it. */
export interface ObservedPeer {
  publicKey: string;
  endpoint: Endpoint | null;
  allowedIps: readonly string[];
  keepalive: number;
  /** Milliseconds since 1970; null before the first handshake. */
  lastHandshake: number | null;
  rxBytes: number;
  txBytes: number;
}

/** A WireGuard interface as `wg show IF dump` tells of it, without its private key. */
export interface ObservedWireGuard {
  /** Null before a private key is set. */
  publicKey: string | null;
  listenPort: number;
  /** Left out: none. */
  fwmark?: number;
  peers: readonly ObservedPeer[];
}

/** The tunnel interface as `ip` tells of it; link-local addresses left out. */
export interface ObservedAddresses {
  addresses: readonly string[];
  mtu: number;
  up: boolean;
}

/** A route that carries our protocol number. */
export interface ObservedRoute {
  prefix: string;
  source: string | null;
}

/** Our routes of the main table, those of other tunnels of ours included where they have no device. */
export interface OwnRoutes {
  /** Those through the tunnel interface. */
  tunnel: readonly ObservedRoute[];
  /** Those of last resort (last_resort.ts). */
  unreachable: readonly { prefix: string; metric: number }[];
}

/** A change by `wg set`. */
export type WgStep =
  | { type: "device"; publicKey?: string; listenPort?: number; fwmark?: number }
  | { type: "peer"; publicKey: string; endpoint?: Endpoint; allowedIps?: readonly string[]; keepalive?: number }
  | { type: "remove"; publicKey: string };

/** A change by `ip`. */
export type IpStep =
  | { type: "mtu"; mtu: number }
  | { type: "up" }
  | { type: "address-add"; address: string }
  | { type: "address-remove"; address: string }
  | { type: "route-add"; prefix: string; source: string | null }
  | { type: "route-replace"; prefix: string; source: string | null }
  | { type: "route-remove"; prefix: string }
  | { type: "unreachable-add"; prefix: string; metric: number }
  | { type: "unreachable-remove"; prefix: string; metric: number };
