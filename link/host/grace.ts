/**
 * How long this node goes on without the coordinator. What is connected stays connected, restarts included, for as long as
 * the policy says; then there are no peers until the coordinator is back, because nobody could have told us of a revocation.
 */
import type { Log } from "../../mesh/host/log.ts";
import type { Change, NetworkView } from "./network_view.ts";
import type { NodeState } from "./state.ts";

/** The time of contact is written at most this often, in ms. */
const SAVE_EVERY = 600_000;

/** What the grace depends on. */
export interface GraceHost {
  state: Pick<NodeState, "contact" | "saveContact">;
  view: Pick<NetworkView, "grace" | "drift" | "adrift">;
  log: Log;
  changed(change: Change): void;
  /** ms since 1970. */
  now(): number;
}

/** Watches the time since the coordinator was last there. */
export class Grace {
  readonly #o: GraceHost;
  #contact: number;
  #saved: number;

  private constructor(o: GraceHost, contact: number) {
    this.#o = o;
    this.#contact = contact;
    this.#saved = contact;
  }

  /** Goes on from the last contact of an earlier process; the first start counts as one. */
  static async open(o: GraceHost): Promise<Grace> {
    const now = o.now();
    const kept = await o.state.contact();
    const grace = new Grace(o, kept === null ? now : Math.min(kept, now));
    if (kept === null) await o.state.saveContact(now);
    return grace;
  }

  /** When the grace ends, ms since 1970. */
  get ends(): number {
    return this.#contact + this.#o.view.grace * 1000;
  }

  /** The coordinator is there. */
  async contact(): Promise<void> {
    const now = this.#contact = this.#o.now();
    this.check();
    if (now - this.#saved < SAVE_EVERY && now >= this.#saved) return;
    this.#saved = now;
    await this.#o.state.saveContact(now);
  }

  /** Drops the peers when the time is over, and takes them back when it is not. */
  check(): void {
    const { view, log, changed } = this.#o;
    const change = view.drift(this.#o.now() > this.ends);
    if (change === "none") return;
    if (view.adrift) {
      log.error("The coordinator has been away for longer than the policy allows; all tunnels are closed", {
        since: new Date(this.#contact).toISOString(),
      });
    } else log.info("The coordinator is back; peers are connected again");
    changed(change);
  }
}
