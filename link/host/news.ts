/** What happens to a daemon, in words: for who follows its events, who watches it at a terminal, and the log. */
import type { Log } from "../../mesh/host/log.ts";
import type { LocalEvent, LocalEventKind } from "../../mesh/wire/local.ts";
import type { GatesHost } from "./gates_host.ts";
import type { Parts } from "./parts.ts";
import type { Peer } from "./peer.ts";

/** Where news go, and whom they are about. */
export interface NewsHost {
  parts: Pick<Parts, "gates" | "nameOf" | "view">;
  id: string;
  log: Log;
  say(line: string): void;
  event(kind: LocalEventKind, text: string, data?: LocalEvent["data"]): void;
}

/** See the head of this file. */
export class News {
  readonly #o: NewsHost;

  constructor(o: NewsHost) {
    this.#o = o;
  }

  /** The ledger has a new entry. */
  ledger(): void {
    const { event, log, parts: { view } } = this.#o;
    const { seq } = view.ledger.head;
    event("ledger", `ledger entry ${seq}`, { seq });
    if (!view.nodes.has(this.#o.id)) {
      log.error("This node is no longer admitted to the network; all tunnels are closed");
    }
    if (view.policyFault) log.error("The newest policy cannot be used", { why: view.policyFault });
  }

  /** The stream of the coordinator is up, or could not be. */
  coordinator({ up, changed, reason }: { up: boolean; changed: boolean; reason: string | null }): void {
    const { event, log } = this.#o;
    if (changed) {
      event("coordinator", up ? "the coordinator is there" : "the coordinator is away", { connected: up });
    }
    if (up) log.info("Following the coordinator");
    else log.warn("The coordinator is away; what is connected stays connected", { why: reason });
  }

  gateSession(id: string, { up, reason, failed }: Parameters<GatesHost["session"]>[1]): void {
    const { event, log, parts } = this.#o;
    const gate = parts.gates.nameOf(id);
    event("gate", up ? `session with gate ${gate}` : `no session with gate ${gate}`, { gate, connected: up });
    if (up) log.info("Session with a gate", { gate });
    else if (failed) log.warn("No session with a gate", { gate, why: reason });
    else log.info("Left a gate", { gate, why: reason });
  }

  /** The home is this gate from now on. */
  home(id: string): void {
    const { event, log, parts } = this.#o;
    const gate = parts.gates.nameOf(id);
    event("gate", `the home is gate ${gate}`, { gate, home: true });
    log.info("This machine is found at a gate", { gate, why: parts.gates.why });
  }

  presence(id: string, up: boolean): void {
    const name = this.#o.parts.nameOf(id);
    this.#o.event("peer", `${name} is ${up ? "there" : "away"}`, { name, id, online: up });
  }

  /** A peer's path is another one. */
  path({ id, state: { rung, endpoint, rttMs } }: Peer): void {
    const over = rung === "none" ? "no path" : `${rung}${endpoint ? ` ${endpoint}` : ""}`;
    const name = this.#o.parts.nameOf(id);
    const text = `${name}: ${over}${rttMs === null ? "" : ` (${rttMs.toFixed(1)} ms)`}`;
    this.#o.event("path", text, { name, id, rung, endpoint, rttMs });
    this.#o.say(text);
  }
}
