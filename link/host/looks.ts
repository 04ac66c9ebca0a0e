/** This machine looks around: where it stands outside of the tunnel, and what is in the way. One look at a time. */
import type { Log } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { Coalesced } from "./coalesced.ts";
import type { Parts } from "./parts.ts";

/** After news of other machines it looks so much later, once for all of them, in ms. */
const SOON = 1_000;

/** What a look may bring about. */
export interface LooksHost {
  parts: Pick<Parts, "surroundings" | "collisions" | "foreign" | "exit" | "portMap">;
  log: Log;
  /** Others' routes, or the addresses by which an exit node in use is gone past, may be others now. */
  reconcile(): Promise<void>;
  /** The own record says something else. */
  ownChanged(): Promise<void>;
  rearm(): void;
}

/** See the head of this file. */
export class Looks {
  readonly #o: LooksHost;
  readonly #looks = new Coalesced(() => this.#look().catch((error) => this.#notSeen(error)));
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(o: LooksHost) {
    this.#o = o;
  }

  /** Resolves when a look that began after this call has ended. */
  request(): Promise<void> {
    return this.#looks.request();
  }

  /** A look that nobody waits for: others' names and addresses hardly ever say anything about where this machine stands. */
  soon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.request();
    }, SOON);
  }

  async #look(): Promise<void> {
    const { surroundings, collisions, foreign, exit, portMap } = this.#o.parts;
    await surroundings.refresh();
    const others = await collisions.refresh();
    await foreign.refresh();
    if (others || exit.node !== undefined) void this.#o.reconcile();
    if (await exit.announce()) await this.#o.ownChanged();
    portMap?.setWay(surroundings.way);
    this.#o.rearm();
  }

  #notSeen(error: unknown): void {
    const why = errorLine(error);
    this.#o.log.warn("This machine's addresses could not be read; those of before count", { why });
  }

  /** Begins no more looks; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    clearTimeout(this.#soon);
    await this.#looks.stop();
  }
}
