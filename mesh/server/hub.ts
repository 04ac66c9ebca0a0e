/**
 * The streams of one instance. One watch of the store's head serves them all: a change is read once, and costs only those
 * streams that it concerns. Everything a stream was told can be told again from the store, by this instance or another.
 */
import { pause } from "../wire/pause.ts";
import type { SyncEvent } from "../wire/api.ts";
import { readFeed, readMail, watchHead } from "../store/mod.ts";
import { missedEvents, type Reader, snapshotEvents, stepEvents } from "./delta.ts";
import type { Replica, Step } from "./replica.ts";
import { EventStream } from "./stream.ts";

/** Streams that one machine may have open; a further one ends its oldest, most likely left over from a lost connection. */
const MAX_OF_ONE = 3;
/** Items that a returning reader may have missed; beyond it a snapshot is cheaper. */
const MAX_MISSED = 5_000;
/** Milliseconds before a lost watch is taken up again. */
const WATCH_AGAIN = 1_000;

export interface HubOptions {
  kv: Deno.Kv;
  replica: Replica;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Milliseconds between comments. */
  heartbeat: number;
  log: (error: unknown) => void;
}

export interface AttachOptions {
  reader: Reader;
  /** Feed sequence after which to begin; undefined asks for a snapshot. */
  cursor: number | undefined;
  /** First ledger entry of a snapshot. */
  ledgerFrom: number;
}

interface Connection {
  reader: Reader;
  stream: EventStream;
  /** Set while something has to be read before later events may go out. */
  busy: Promise<void> | null;
}

export class SyncHub {
  readonly #o: HubOptions;
  readonly #readers = new Map<string, Connection[]>();
  readonly #unlisten: () => void;
  #watch: { abort: AbortController; done: Promise<void> } | null = null;
  #heart: ReturnType<typeof setInterval> | null = null;

  constructor(options: HubOptions) {
    this.#o = options;
    this.#unlisten = options.replica.onStep((step) => this.#onStep(step));
  }

  /** Opens a stream. */
  async attach({ reader, cursor, ledgerFrom }: AttachOptions): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { replica, now } = this.#o;
    const fresh = await replica.refresh();
    // From here to the end of this turn nothing else runs: the stream gets every step after this very view.
    const view = replica.view ?? fresh;
    const head = view.ledger.head;
    const stream = new EventStream(() => this.#detach(connection));
    const connection: Connection = { reader, stream, busy: null };
    this.#register(connection);
    this.#after(connection, async () => {
      const missed = await this.#missed(view.seq, cursor);
      const seconds = now() / 1000;
      const events = missed && missedEvents(view, { items: missed, reader, now: seconds });
      const all = events ?? snapshotEvents(view, { reader, ledgerFrom, now: seconds });
      all.push(...await this.#mail(reader, { after: events ? cursor! : 0, upto: view.seq }));
      all.push({ type: "synced", head, snapshot: events === null });
      stream.begin(all, view.seq);
    });
    return stream.body;
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    this.#unlisten();
    const watch = this.#watch;
    for (const { stream } of this.#all()) stream.close();
    await watch?.done;
  }

  async #missed(seq: number, cursor: number | undefined) {
    if (cursor === undefined || cursor > seq || seq - cursor > MAX_MISSED) return null;
    return await readFeed(this.#o.kv, this.#o.replica.net, { after: cursor, upto: seq });
  }

  async #mail(reader: Reader, { after, upto }: { after: number; upto: number }): Promise<SyncEvent[]> {
    const { kv, replica, now } = this.#o;
    const waiting = await readMail(kv, replica.net, { to: reader.id, after, now: now() });
    return waiting.filter(({ seq }) => seq <= upto)
      .map(({ mail: { from, box }, kept }) => ({ type: "mail", from, box, kept }));
  }

  /** Runs `work` after what is still being read for this stream; whatever fails cuts it. */
  #after(connection: Connection, work: () => Promise<void>): void {
    const mine = (connection.busy ?? Promise.resolve()).then(work).catch((error) => {
      this.#o.log(error);
      connection.stream.close();
    }).finally(() => {
      if (connection.busy === mine) connection.busy = null;
    });
    connection.busy = mine;
  }

  #onStep(step: Step | null): void {
    if (step === null) {
      for (const { stream } of this.#all()) stream.close();
      return;
    }
    const { touched, entries } = step;
    const mailOnly = !touched.all && touched.nodes.size + touched.gates.size + entries.length === 0;
    const concerned = mailOnly ? [...step.mail].flatMap((id) => this.#readers.get(id) ?? []) : this.#all();
    for (const connection of concerned) this.#tell(connection, step);
  }

  #tell(connection: Connection, step: Step): void {
    const { reader, stream } = connection;
    const events = stepEvents(step, { reader, now: this.#o.now() / 1000 });
    const { seq } = step.after;
    const slots = reader.kind === "node" ? step.after.nodes : step.after.gates;
    const out = !slots.get(reader.id)?.machine; // revoked: it is told why, and that is all
    const finish = (all: SyncEvent[]) => {
      stream.send(all, seq);
      if (out) stream.end();
    };
    if (connection.busy === null && !step.mail.has(reader.id)) return finish(events);
    this.#after(connection, async () => {
      const mail = step.mail.has(reader.id) && !out
        ? await this.#mail(reader, { after: step.before.seq, upto: seq })
        : [];
      finish([...events, ...mail]);
    });
  }

  *#all(): Generator<Connection, void, undefined> {
    for (const list of [...this.#readers.values()]) yield* [...list];
  }

  #register(connection: Connection): void {
    const list = this.#readers.get(connection.reader.id) ?? [];
    this.#readers.set(connection.reader.id, [...list, connection]);
    if (list.length >= MAX_OF_ONE) list[0]!.stream.close();
    this.#heart ??= setInterval(() => this.#beat(), this.#o.heartbeat);
    if (this.#watch === null) {
      const abort = new AbortController();
      this.#watch = { abort, done: this.#follow(abort.signal) };
    }
  }

  /** A sign of life; for a reader that little concerns also a newer cursor, before its own is too old to resume from. */
  #beat(): void {
    const view = this.#o.replica.view;
    for (const { stream, busy } of this.#all()) {
      if (view !== null && busy === null && view.seq - stream.cursor > MAX_MISSED / 4) {
        stream.send([{ type: "synced", head: view.ledger.head, snapshot: false }], view.seq);
      } else stream.comment();
    }
  }

  #detach(connection: Connection): void {
    const id = connection.reader.id;
    const left = (this.#readers.get(id) ?? []).filter((other) => other !== connection);
    if (left.length > 0) return void this.#readers.set(id, left);
    this.#readers.delete(id);
    if (this.#readers.size > 0) return;
    if (this.#heart !== null) clearInterval(this.#heart);
    this.#heart = null;
    this.#watch?.abort.abort();
    this.#watch = null;
  }

  /** Keeps the replica up to date while streams are open. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { kv, replica, log } = this.#o;
    const changed = async () => void await replica.refresh();
    while (!signal.aborted) {
      try {
        await watchHead(kv, replica.net, { signal, changed });
      } catch (error) {
        if (signal.aborted) return;
        log(error);
      }
      if (!signal.aborted) await pause(WATCH_AGAIN, signal);
    }
  }
}
