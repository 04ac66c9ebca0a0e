/**
 * What the daemon looks after even if nothing is known to have changed. Every look but the thorough ones runs one program, which tells
 * what WireGuard counts: an idle daemon is to cost next to nothing.
 */
import type { Grace } from "./grace.ts";
import type { IceHub } from "./ice_hub.ts";
import type { CertificateKeeper } from "./login/certificate_keeper.ts";
import type { Looks } from "./looks.ts";
import type { Machine } from "./machine.ts";
import type { Change } from "./network_view.ts";
import type { OwnTeller } from "./own_teller.ts";
import type { Parts } from "./parts.ts";

/** Between two looks, in ms: a table that somebody removed, flushed or put to sleep is missed for so long. */
const EVERY = 10_000;
/** Every so many of them take nothing on trust: `ip monitor` may have missed something. */
const THOROUGH_EVERY = 6;
/** A port that is not shared is looked at again after so many ms. */
const SECOND_LOOK = 500;

/** What is looked after, and who brings the machine in line. */
export interface AuditsHost {
  /** This node's id. */
  id: string;
  parts: Pick<Parts, "surroundings" | "foreign" | "admissions" | "publisher" | "view" | "saver">;
  machine: Pick<Machine, "doubtTable" | "tableLoads">;
  hub: Pick<IceHub, "portSeen">;
  looks: Pick<Looks, "request">;
  teller: Pick<OwnTeller, "renewed" | "take">;
  grace(): Pick<Grace, "contact" | "check"> | null;
  certificate(): Pick<CertificateKeeper, "renew"> | null;
  meshUp(): boolean;
  /** Brings in line what changes without anybody telling of it, or (`reconcile`) all of the machine. */
  glance(): Promise<void>;
  reconcile(): Promise<void>;
  changed(change: Change): void;
}

/** See the head of this file. */
export class Audits {
  readonly #o: AuditsHost;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #pause: (ms: number) => Promise<void>;
  #count = 0;
  /** The table was loaded anew because the port was not shared, and then it was not either. */
  #inVain = false;

  /** @param pause how a look waits before it looks again */
  constructor(o: AuditsHost, pause: (ms: number) => Promise<void> = delay) {
    this.#o = o;
    this.#pause = pause;
  }

  start(): void {
    this.#timer = setInterval(() => void this.audit(), EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One look. */
  async audit(): Promise<void> {
    const { parts, hub, looks, teller } = this.#o;
    const thorough = ++this.#count % THOROUGH_EVERY === 0;
    const emptied = await this.#lookAtTable(thorough);
    // Before all that waits for the coordinator.
    await (thorough ? this.#o.reconcile() : this.#o.glance());
    if (emptied) this.#inVain = await hub.portSeen() === "other";
    // Behind a kill switch names resolve once our resolver serves them, and the coordinator is reached once its name resolves.
    if (parts.surroundings.unresolved) void looks.request();
    void parts.foreign.refresh();
    void parts.admissions.review();
    await parts.publisher.renew();
    if (await this.#o.certificate()?.renew()) await teller.renewed();
    // What a wrong clock kept out, or let in, is looked at again: it may have been set.
    this.#o.changed(parts.view.nodes.has(this.#o.id) ? parts.view.lookAtClock() : await teller.take());
    if (await parts.view.saved.retry()) this.#o.changed("nodes");
    parts.saver.ledger();
    if (this.#o.meshUp()) await Promise.all([parts.publisher.publish(), this.#o.grace()?.contact()]);
    else this.#o.grace()?.check();
  }

  /**
   * Sees whether the table was removed, flushed or made dormant: the rule that gives what leaves here WireGuard's port (`stun_out`)
   * is in the table with the policy. It tells of no other chain. Who flushes or deletes one of those alone, or changes a rule there,
   * is not noticed, not by a thorough look either; the next load of the whole table undoes it.
   * @returns true when the next run loads the table anew
   */
  async #lookAtTable(thorough: boolean): Promise<boolean> {
    const { hub, machine } = this.#o;
    const emptiedAt = machine.tableLoads;
    let seen = await hub.portSeen();
    if (seen === "other") {
      await this.#pause(SECOND_LOOK);
      seen = await hub.portSeen();
    }
    if (seen === "shared") this.#inVain = false;
    // Where somebody else's rules change the port a load mends nothing: it is tried once a minute then.
    const emptied = seen === "other" && (thorough || !this.#inVain);
    if (emptied) machine.doubtTable({ emptiedAt });
    else if (seen !== "shared" || thorough) machine.doubtTable();
    return emptied;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
