/**
 * Where ledger entries come in, whoever brings them (the coordinator, a gate, a peer, ghostctl on this machine): each is
 * checked the same way, what is new is handed on to everybody at once, and a fork is told as loudly as can be.
 */
import { InTurn } from "../../mesh/wire/in_turn.ts";
import type { Log } from "../../mesh/host/log.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { Heads } from "./heads.ts";
import type { Change, NetworkView } from "./network_view.ts";

/** Entries that come together are handed on together: so long is waited for more, in ms. */
const GATHER = 10;

/** What the desk needs of the daemon. */
export interface LedgerDeskHost {
  view: NetworkView;
  log: Log;
  heads(): Heads;
  changed(change: Change): void;
}

/** Takes entries. */
export class LedgerDesk {
  readonly #o: LedgerDeskHost;
  readonly #turns = new InTurn();
  #fresh: string[] = [];
  #from: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #told: number | null = null;

  constructor(o: LedgerDeskHost) {
    this.#o = o;
    this.#alert();
  }

  /**
   * Takes entries in their order; resolves to how many were new. `from` is who handed them on, null for the coordinator.
   * @throws GhostError for the first that does not verify; those before it count
   */
  async take(entries: readonly string[], from: string | null = null): Promise<number> {
    return await this.#turns.run(() => this.#take(entries, from));
  }

  /** As `take`, for those to whom a refusal is not told; true when some were new. */
  async offered(entries: readonly string[], from: string): Promise<boolean> {
    try {
      return await this.take(entries, from) > 0;
    } catch (error) {
      // Merely ahead of us: what lies in between is asked for.
      if (error instanceof GhostError && error.code === "ledger_moved") return true;
      this.#o.log.warn("Refused ledger entries", { from, why: errorLine(error) });
      return false;
    }
  }

  async #take(entries: readonly string[], from: string | null): Promise<number> {
    let news = 0;
    try {
      for (const jws of entries) {
        if (await this.#o.view.entry(jws) === "none") continue;
        news++;
        this.#fresh.push(jws);
      }
    } finally {
      if (news > 0) {
        this.#o.changed("ledger");
        this.#alert();
        this.#spread(from);
      }
    }
    return news;
  }

  #spread(from: string | null): void {
    if (this.#timer === undefined) this.#from = from;
    else if (this.#from !== from) this.#from = null;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#o.heads().spread(this.#fresh.splice(0), this.#from);
    }, GATHER);
  }

  #alert(): void {
    const { fork } = this.#o.view.ledger;
    if (fork?.seq === this.#told) return;
    if (fork) {
      this.#o.log.error("The ledger has forked: admins signed several entries for one place; nobody new is let in", {
        entry: fork.seq,
        signers: [...new Set(fork.entries.map((e) => e.signer))].join(","),
      });
    } else if (this.#told !== null) this.#o.log.info("The fork of the ledger is resolved");
    this.#told = fork?.seq ?? null;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
