/**
 * Boxes for the coordinator's mailbox. What comes while something is under way to the same peer follows together, in its order, and over
 * the connection that is there: a new one would take three round trips more. So that nothing stands behind a request on a dead
 * connection, each has a short time, and begins anew when the network has moved.
 */
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { Log } from "../../mesh/host/log.ts";
import { MAX_BOXES } from "../../mesh/wire/api.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { FRESH } from "../core/handshake/post.ts";

/** The coordinator has so long to take mail, in ms: four round trips to one that is far away, and little more. */
const TAKEN_WITHIN = 3_000;

/** What the outbox needs. */
export interface OutboxOptions {
  mesh: Pick<MeshClient, "mail" | "networkMoved">;
  log: Log;
  /** ms. */
  now(): number;
  /** In place of TAKEN_WITHIN. */
  within?: number;
}

interface Waiting {
  box: string;
  /** It is worth nothing after this, in ms. */
  until: number;
}

/** The mail for one peer. */
interface Mailing {
  waiting: Waiting[];
  /** Ends the request under way, whose boxes are sent again. */
  again(): void;
}

/** Mails boxes, to each peer in their order. */
export class Outbox {
  readonly #o: OutboxOptions;
  /** Peers to whom something is being mailed. */
  readonly #mailing = new Map<string, Mailing>();

  constructor(o: OutboxOptions) {
    this.#o = o;
  }

  /** @param o.handshake it is a message of WireGuard's, which is void when it waits here for long */
  mail(to: string, box: string, { handshake = false }: { handshake?: boolean } = {}): void {
    const one = { box, until: handshake ? this.#o.now() + FRESH : Infinity };
    const mailing = this.#mailing.get(to);
    if (!mailing) return void this.#run(to, { waiting: [one], again: () => {} });
    const { waiting } = mailing;
    if (waiting.length >= MAX_BOXES) { // what matters is said again
      const worthless = waiting.findIndex((w) => !this.#counts(w));
      waiting.splice(Math.max(worthless, 0), 1);
    }
    waiting.push(one);
  }

  /** Requests under way may hang on connections that lead nowhere now. */
  networkMoved(): void {
    this.#o.mesh.networkMoved();
    for (const { again } of this.#mailing.values()) again();
  }

  #counts({ until }: Waiting): boolean {
    return this.#o.now() <= until;
  }

  async #run(to: string, mailing: Mailing): Promise<void> {
    this.#mailing.set(to, mailing);
    while (mailing.waiting.length > 0) {
      const sent = mailing.waiting.splice(0, MAX_BOXES).filter((w) => this.#counts(w));
      if (sent.length > 0) await this.#send(to, sent, mailing);
    }
    this.#mailing.delete(to);
  }

  async #send(to: string, sent: Waiting[], mailing: Mailing): Promise<void> {
    const { mesh, log, within = TAKEN_WITHIN } = this.#o;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error(`mail was not taken within ${within / 1000} s`)), within);
    let moved = false;
    mailing.again = () => {
      moved = true;
      abort.abort(new Error("the network has moved"));
    };
    const boxes = sent.map(({ box }) => box);
    try {
      // One goes as coordinators of before know it.
      await mesh.mail(to, boxes.length === 1 ? boxes[0]! : boxes, { signal: abort.signal });
    } catch (error) {
      log.debug("Mail was not taken", { why: errorLine(error) });
      // If it has arrived all the same, the peer drops what it sees twice.
      if (moved) mailing.waiting.unshift(...sent);
    } finally {
      clearTimeout(timer);
      mailing.again = () => {};
    }
  }
}
