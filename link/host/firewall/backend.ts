/**
 * What puts a machine's filter in force. A back end is one file and one line of the registry; it enforces in the link's own
 * nftables table, which is loaded whole, or in a way of its own.
 */
import type { Log } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import type { Count, Filter, SeenFlow } from "../../../mesh/policy/mod.ts";
import type { LinkTools } from "../tools.ts";

/** What was counted and seen since the filter in force was put in place. */
export interface Seen {
  counts: Count[];
  flows: SeenFlow[];
}

/** One way to enforce a filter. */
export interface FirewallBackend {
  /** Chains and sets for the link's own table, in force with it from one moment to the next; "" without any. */
  chains(filter: Filter): string;
  /**
   * Puts a filter in force by other means, before anything is opened for it.
   * @throws GhostError when it cannot: nothing is opened then, and the filter before has to be still in force
   */
  apply(filter: Filter): Promise<void>;
  /** What it has counted; null when it does not count. */
  read(): Promise<Seen | null>;
  /** The tunnel is gone: nothing of it may stay. */
  close(): Promise<void>;
}

/** What a back end is made from. */
export interface FirewallContext {
  /** The tunnel's interface. */
  iface: string;
  runner: Runner;
  tools: Pick<LinkTools, "nft">;
  log: Log;
}

/** Makes a back end. @throws GhostError for what it lacks */
export type FirewallMaker = (context: FirewallContext) => FirewallBackend | Promise<FirewallBackend>;
