/**
 * One reader's event stream (text/event-stream). A reader takes at its own pace; what waits for it is bounded, and one that
 * falls too far behind is cut and resumes from its cursor.
 */
import type { SyncEvent } from "../wire/api.ts";
import { utf8 } from "../wire/encoding.ts";

/** Characters that may wait for a reader, beyond what it began with. */
const MAX_WAITING = 4 << 20;
/** Characters handed over at once. */
const CHUNK = 64 << 10;

export class EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #ended: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  /** What it began with, encoded as it is taken. */
  #start: Iterator<string> | null = null;
  #waiting: string[] = [];
  #size = 0;
  #wake: (() => void) | null = null;
  #open = true;
  #ending = false;
  #cursor = 0;

  /** `ended` is called once, when nobody will read or write any more. */
  constructor(ended: () => void) {
    this.#ended = ended;
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
    this.comment(); // headers and first byte go out at once
  }

  /** The newest cursor that was given to it. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The events that come before all others; the last one carries `cursor`, so that a cut in between begins anew. */
  begin(events: readonly SyncEvent[], cursor: number): void {
    this.#start = encodeAll(events, cursor);
    this.#cursor = cursor;
    this.#wake?.();
  }

  /** Events of one change; the last one carries `cursor`. */
  send(events: readonly SyncEvent[], cursor: number): void {
    if (events.length === 0) return;
    for (const text of encodeAll(events, cursor)) this.#push(text);
    this.#cursor = cursor;
  }

  /** A line that means nothing, so that both ends see that the other is there. */
  comment(): void {
    if (this.#size === 0) this.#push(":\n\n");
  }

  #push(text: string): void {
    if (!this.#open || this.#ending) return;
    this.#waiting.push(text);
    this.#size += text.length;
    if (this.#size > MAX_WAITING) this.close();
    this.#wake?.();
  }

  /** Ends it after what waits has been taken. */
  end(): void {
    this.#ending = true;
    this.#wake?.();
  }

  /** Ends it now. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#waiting = [];
    this.#start = null;
    try {
      this.#controller.close();
    } catch { /* cancelled by the reader */ }
    this.#wake?.();
    this.#ended();
  }

  async #pull(): Promise<void> {
    while (this.#open) {
      const text = this.#take();
      if (text !== "") return this.#controller.enqueue(utf8(text));
      if (this.#ending) return this.close();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = null;
    }
  }

  #take(): string {
    let text = "";
    while (this.#start !== null && text.length < CHUNK) {
      const next = this.#start.next();
      if (next.done) this.#start = null;
      else text += next.value;
    }
    if (text !== "") return text;
    const all = this.#waiting.join("");
    this.#waiting = [];
    this.#size = 0;
    return all;
  }
}

function* encodeAll(events: readonly SyncEvent[], cursor: number): Generator<string, void, undefined> {
  for (const [i, event] of events.entries()) {
    const id = i === events.length - 1 ? `id: ${cursor}\n` : "";
    yield `event: ${event.type}\n${id}data: ${JSON.stringify(event)}\n\n`;
  }
}
