/** What the routes of the coordinator work with. */
import type { Context } from "hono";
import type { Bytes } from "../wire/encoding.ts";
import type { SyncHub } from "./hub.ts";
import type { Client } from "./shown.ts";
import type { Replica } from "./replica.ts";
import type { Appender } from "./append.ts";
import type { View } from "./view.ts";

/** A draft of the policy that the coordinator's operator offers; admins read it and sign it or not. */
export interface Draft {
  source: string;
  /** SHA-256 of the source's UTF-8, base64url. */
  sha256: string;
}

export interface ServerConfig {
  version: string;
  /** Ways in for those who come without a token. */
  authMethods: readonly string[];
  /** The operator's draft, null when there is none. */
  draft?: () => Promise<Draft | null>;
  /** Milliseconds between comments on an event stream. */
  heartbeat?: number;
  /** Reads a JSON document of the web; without it no identity provider's keys are known but the ledger's. */
  fetchJson?: (url: string) => Promise<unknown>;
  /** Told of what went wrong inside. */
  log?: (error: unknown) => void;
}

/** What a claimed coordinator serves. */
export interface Network {
  net: string;
  replica: Replica;
  hub: SyncHub;
  appender: Appender;
  /**
   * Seconds since 1970 until which machines come back whose proofs are old: the network was brought back from a copy of its
   * ledger, and with the store went the knowledge of who had been let in. What a coordinator could not know otherwise (how
   * often a token was used, and when) is not asked then; what is signed is checked as ever.
   */
  recoverUntil: number;
}

export interface Deps {
  kv: Deno.Kv;
  /** Milliseconds since 1970. */
  now: () => number;
  config: ServerConfig;
  /** The network, null before set-up. */
  network(): Promise<Network | null>;
}

/** What a caller may be to the network; one key can be several. A guest is whoever might come in without a token. */
export type Role = "admin" | "node" | "gate" | "grant" | "guest" | "watcher";

/** Who sent a request, by its proof. */
export interface Caller {
  key: string;
  id: string;
  jti: string;
  roles: readonly Role[];
}

/** Variables of a request; set by middleware in this order. */
export interface Env {
  Bindings: { client?: Client };
  Variables: {
    deps: Deps;
    network: Network;
    body: Bytes;
    view: View;
    caller: Caller;
  };
}

export type Ctx = Context<Env>;

/** The server's clock in whole seconds. */
export function seconds(deps: Deps): number {
  return Math.floor(deps.now() / 1000);
}
