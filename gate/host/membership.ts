/**
 * The gate's place in its network: the verified ledger, kept on disk and followed through the coordinator's event stream.
 * With the coordinator away everything goes on from what is known, and the stream is taken up again with growing waits.
 */
import { pause } from "../../mesh/wire/pause.ts";
import { InTurn } from "../../mesh/wire/in_turn.ts";
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { LedgerFile } from "../../mesh/host/ledger_file.ts";
import type { Log } from "../../mesh/host/log.ts";
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { LedgerExchange } from "../../mesh/trust/exchange.ts";
import { LedgerKeeper, openKept } from "../../mesh/trust/kept_ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { checkEntry } from "../../mesh/trust/ledger_entry.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerEntry, LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import { Retry } from "../core/retry.ts";

/** Strangers can make the gate ask the coordinator for newer entries; not more often than this, in ms. */
const ASK_EVERY = 1_000;
/** How long a node's admission may wait for the coordinator, in ms. */
const ASK_TIME = 2_000;

/** Characters of entries that fit one control message. */
const BATCH = 48_000;

type LedgerTalk = LedgerMessage | { t: "head"; head: LedgerHead };

export interface MembershipOptions {
  ledger: Ledger;
  file: LedgerFile;
  client: MeshClient;
  log: Log;
  /** Ends everything under way. */
  stop: AbortSignal;
  /** ms of a clock that goes on steadily. */
  now(): number;
  /** From 0 up to 1. */
  random(): number;
}

export class Membership {
  readonly ledger: Ledger;
  /** Called with entries that are new, in the chain or beside it. */
  onEntries: (entries: LedgerEntry[]) => void = () => {};
  /** Called when the coordinator answers and does not know this gate: it may have lost its store. */
  onUnknown: () => Promise<void> = () => Promise.resolve();
  /** Called with a box that a node has left for this gate. */
  onMail: (from: string, box: string) => void = () => {};
  /** Called when the coordinator is there (again). */
  onConnected: () => Promise<void> = () => Promise.resolve();
  readonly #o: MembershipOptions;
  readonly #stop: AbortSignal;
  readonly #keeper: LedgerKeeper;
  readonly #exchange: LedgerExchange;
  readonly #turns = new InTurn();
  #fork: number | null = null;
  #asking: Promise<boolean> | null = null;
  #askedAt = -Infinity;

  constructor(o: MembershipOptions) {
    this.#o = o;
    this.#stop = o.stop;
    this.ledger = o.ledger;
    this.#keeper = new LedgerKeeper(o.file, o.ledger);
    this.#exchange = new LedgerExchange(o.ledger, { batch: BATCH });
    this.#alert();
  }

  /**
   * Opens the ledger on disk.
   * @throws GhostError when it is damaged or of another network
   */
  static async openLedger(file: LedgerFile, net: string): Promise<Ledger> {
    try {
      return await openKept(file, { net, issuerSigners });
    } catch (cause) {
      if (!(cause instanceof GhostError)) throw cause;
      throw new GhostError(cause.code, `The ledger on disk does not verify: ${cause.message}`, {
        place: file.path,
        mend: "move the state folder away and admit the gate again with a new token",
        cause,
      });
    }
  }

  /** Appends what continues the ledger; one call at a time. Entries that are known already change nothing. */
  add(entries: readonly string[]): Promise<boolean> {
    return this.#turns.run(() => this.#add(entries));
  }

  async #add(entries: readonly string[]): Promise<boolean> {
    const added: LedgerEntry[] = [];
    try {
      for (const jws of entries) {
        if (await this.ledger.take(jws) === "known") continue;
        added.push((await checkEntry(jws, { place: "entry", verified: true })).entry);
      }
    } finally {
      // What was taken before a bad entry counts, and a revocation counts whatever the disk says.
      if (added.length > 0) {
        this.#alert();
        this.onEntries(added);
      }
      await this.#keep();
    }
    return added.length > 0;
  }

  /** Writes what is not on disk yet; what cannot be written goes first the next time. */
  async #keep(): Promise<void> {
    await this.#keeper.save().catch((error) =>
      this.#o.log.error("cannot keep the ledger; it is tried again", { error })
    );
  }

  #alert(): void {
    const { fork } = this.ledger;
    if (fork?.seq === (this.#fork ?? undefined)) return;
    if (fork) this.#o.log.error("the ledger has forked: no grant that came since counts", { entry: fork.seq });
    else this.#o.log.info("the fork of the ledger is resolved");
    this.#fork = fork?.seq ?? null;
  }

  /** Answers what a node shows of its ledger, and takes what it hands on. */
  async exchange(node: string, message: LedgerMessage | { t: "head"; head: LedgerHead }): Promise<LedgerTalk[]> {
    const now = this.#o.now();
    const show = (heads: LedgerHead[]) => heads.map((head): LedgerTalk => ({ t: "head", head }));
    if (message.t === "head") {
      const answers = this.#exchange.headSeen(node, message.head, now);
      return answers.length > 0 ? answers : show(this.#exchange.behind(node, message.head, now));
    }
    const { entries, send } = this.#exchange.received(node, message);
    if (entries.length === 0) return send;
    let news = true;
    try {
      news = await this.add(entries);
    } catch (error) {
      // Merely ahead of this gate: what lies in between is asked for.
      if (!(error instanceof GhostError) || error.code !== "ledger_moved") throw error;
    }
    const wanted = this.#exchange.wanted(node, now);
    return [...send, ...wanted, ...(news && wanted.length === 0 ? show(this.#exchange.heads()) : [])];
  }

  /** Asks the coordinator once for newer entries, for all who ask meanwhile; true when there were some. Never throws. */
  catchUp(): Promise<boolean> {
    this.#asking ??= this.#ask().catch((error) => {
      this.#o.log.debug("cannot ask for newer entries", { error });
      return false;
    }).finally(() => this.#asking = null);
    return this.#asking;
  }

  async #ask(): Promise<boolean> {
    const early = this.#askedAt + ASK_EVERY - this.#o.now();
    if (early > 0) await pause(Math.min(early, ASK_EVERY), this.#stop);
    this.#askedAt = this.#o.now();
    const signal = AbortSignal.any([this.#stop, AbortSignal.timeout(ASK_TIME)]);
    let any = false;
    while (true) {
      const page = await this.#o.client.ledger(this.ledger.head.seq + 1, { signal });
      if (!await this.add(page.entries)) return any;
      any = true;
    }
  }

  /** Follows the coordinator until the gate stops. */
  async follow(): Promise<void> {
    const { client, log, stop: signal } = this.#o;
    const retry = new Retry({ first: 250, last: 10_000, random: this.#o.random });
    let cursor: string | undefined;
    let told: string | null = null;
    while (!signal.aborted) {
      try {
        for await (const { id, event } of client.sync({ cursor, ledgerFrom: this.ledger.head.seq + 1, signal })) {
          if (event.type === "ledger") await this.add([event.entry]);
          if (event.type === "mail") this.onMail(event.from, event.box);
          if (event.type === "synced") {
            if (event.head.seq < this.ledger.head.seq) {
              log.warn("the coordinator shows an older ledger than this gate has", { theirs: event.head.seq });
            }
            await this.add([]); // what the disk did not take before
            retry.reset();
            log.info("in step with the coordinator", { ledger: this.ledger.head.seq });
            told = null;
            await this.onConnected();
          }
          if (id !== "") cursor = id;
        }
      } catch (error) {
        if (signal.aborted) return;
        // A cursor that the coordinator refuses would be refused for ever.
        if (!(error instanceof GhostError) || error.code !== "unreachable") cursor = undefined;
        if (error instanceof GhostError && error.code === "unauthorized") await this.onUnknown();
        const line = error instanceof GhostError ? error.line : String(error);
        if (line !== told) log.warn("the coordinator is away; going on from what is known", { error: line });
        told = line;
      }
      await pause(retry.wait(), signal);
    }
  }
}
