/** Keeps the coordinator's copy of this node's own record up to date. */
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { Log } from "../../mesh/host/log.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { OwnRecord } from "./own_record.ts";

/** Publishes the own record when it is not what the coordinator has. */
export class Publisher {
  readonly #o: { mesh: MeshClient; own: OwnRecord; log: Log; renewed(): Promise<void> };
  #published: string;

  /**
   * @param o.renewed the record was signed anew, so that others have to hear of it too
   * @param o.published the record that the coordinator has just taken
   */
  constructor(o: { mesh: MeshClient; own: OwnRecord; log: Log; renewed(): Promise<void>; published?: string }) {
    this.#o = o;
    this.#published = o.published ?? "";
  }

  /** Signs a record that gets old anew. Peers take it from us as well, so it does not wait for the coordinator. */
  async renew(): Promise<void> {
    const { own, log } = this.#o;
    if (!own.dueForRenewal) return;
    try {
      await own.change({});
      await this.#o.renewed();
    } catch (error) {
      log.error("The own record could not be renewed; it is tried again", { why: errorLine(error) });
    }
  }

  /** The coordinator does not have the record after all. */
  async again(): Promise<void> {
    this.#published = "";
    await this.publish();
  }

  /** Publishes if there is anything new; a failure is tried again at the next call. */
  async publish(): Promise<void> {
    const { mesh, own, log } = this.#o;
    try {
      if (this.#published === own.jws) return;
      const record = own.jws;
      await mesh.publishNode(record);
      this.#published = record;
    } catch (error) {
      if (error instanceof GhostError && error.code === "stale_record") return await this.#overtake();
      log.warn("The own record was not published; it is tried again", { why: errorLine(error) });
    }
  }

  /** The coordinator has a newer record of ours: this folder is an older copy (a restored backup). Go on above it. */
  async #overtake(): Promise<void> {
    const { mesh, own, log } = this.#o;
    try {
      await own.change({}, Math.floor(Date.now() / 1000));
      await this.#o.renewed();
      const record = own.jws;
      await mesh.publishNode(record);
      this.#published = record;
    } catch (error) {
      log.warn("The own record was not published; it is tried again", { why: errorLine(error) });
    }
  }
}
