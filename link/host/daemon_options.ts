/** What a daemon is started with (link/host/daemon.ts). */
import type { Log } from "../../mesh/host/log.ts";
import type { LocalEvent, LocalEventKind } from "../../mesh/wire/local.ts";
import type { LinkConfig } from "./config.ts";
import type { Machine as MachineFacts } from "./join.ts";
import type { Platform } from "./platform.ts";
import type { Preparing } from "./prepared.ts";
import type { Session } from "./session.ts";
import type { NodeState } from "./state.ts";

/** What the daemon is started with. */
export interface DaemonOptions {
  state: NodeState;
  config: LinkConfig;
  socket: string;
  log: Log;
  /** For people who watch: name, addresses, and each peer's path as it changes. */
  say(line: string): void;
  machine: MachineFacts;
  platform: Platform;
  signal: AbortSignal;
  /** What a join has brought up. */
  preparing: Preparing;
  /** The session can be asked, or (null) is about to end. */
  attach(session: Session | null): Promise<void>;
  /** It is up. */
  ready(): void;
  /** Tells that something happened. */
  event(kind: LocalEventKind, text: string, data?: LocalEvent["data"]): void;
}
