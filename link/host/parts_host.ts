/** What a daemon's parts (link/host/parts.ts) are built on, and whom they report to. */
import type { HttpConnection } from "../../mesh/client/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { GatesHost } from "./gates_host.ts";
import type { IceHub } from "./ice_hub.ts";
import type { CertificatePair } from "./login/certificate.ts";
import type { Machine } from "./machine.ts";
import type { Change } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Peer } from "./peer.ts";
import type { NamedServer } from "./turn_servers.ts";

/** What is there before the daemon (link/host/run.ts). */
export interface Ground {
  id: string;
  own: OwnRecord;
  ledger: Ledger;
  machine: Machine;
  hub: IceHub;
  /** The TURN servers that the config names. */
  turnServers: readonly NamedServer[];
  /** What a join has just published, and its connections to the coordinator; null without one. */
  joined: { record: string; connection: HttpConnection } | null;
}

/** What parts report to the daemon, and ask of it. */
export interface DaemonHooks {
  /** The network view has changed. */
  changed(change: Change): void;
  /** The own record is a new one, for peers and gates; `ownChanged`: for the coordinator as well. */
  ownRenewed(): Promise<void>;
  ownChanged(): Promise<void>;
  gateSession: GatesHost["session"];
  /** This node is found at these gates from now on, best first. */
  home: GatesHost["home"];
  /** A peer is met at another gate. */
  met(node: string): void;
  presence(node: string, up: boolean): void;
  /** A peer's path is another one. */
  moved(peer: Peer): void;
  /** This machine is on another network. */
  networkMoved(): void;
  /** Brings the machine in line. */
  reconcile(): Promise<void>;
  /** The same; resolves when a run has held. */
  inLine(): Promise<void>;
  /** A deadline is sooner than it was. */
  rearm(): void;
  meshUp(): boolean;
  /** The TLS client certificate of a machine that came in by one. */
  certificate(): Promise<CertificatePair | null>;
}
