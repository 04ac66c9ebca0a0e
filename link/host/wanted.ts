/** What the daemon wants of the machine (link/host/machine.ts). */
import type { Filter } from "../../mesh/policy/mod.ts";
import type { RouteBody } from "../../mesh/wire/ledger.ts";
import type { Bridge, HostRoute, Join } from "../core/plan/mod.ts";
import type { PastExit, WantedExit } from "./exit/machine_exit.ts";

/** A peer as it should stand in WireGuard. */
export interface WantedPeer {
  id: string;
  /** WireGuard public key in use, base64url. */
  wg: string;
  addresses: string[];
  endpoint: { address: string; port: number };
  /** Some path leads to it. */
  up: boolean;
  bridge: Bridge | null;
  /** A port that stands for WireGuard's own towards this peer. */
  join: Join | null;
}

/** Everything that the machine should be brought in line with. */
export interface Wanted {
  publicKey: string;
  privateKey: (publicKey: string) => string;
  addresses: string[];
  /** Address of this machine's own resolver, on the tunnel interface beside the machine's own; null without names. */
  resolver: string | null;
  peers: WantedPeer[];
  /** IPv4 addresses of all machines of the network that are known, whether this one sees them or not. */
  known: string[];
  /** Routes of others within the network's ranges. */
  foreign: readonly HostRoute[];
  /** Peers' replaced keys that are still decrypted. */
  retiring: string[];
  /** Null: there is no usable policy, so nothing may pass. */
  filter: Filter | null;
  /** Ledger entry of the policy that it comes from. */
  policy: number | null;
  routes: { mine: RouteBody[]; theirs: RouteBody[] };
  /** Addresses of the coordinator, which no route may cover. */
  coordinator: string[];
  /** Addresses that stay reachable outside of the tunnel beside a route that covers them: gates and TURN servers. */
  outside: string[];
  /** An exit node in use. */
  exit: WantedExit | null;
  past: PastExit;
}
