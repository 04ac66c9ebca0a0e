/** What the daemon tells while it runs: its log's newest lines and its newest events, bounded, for whoever asks at the socket. */
import { createLog, type Log } from "../../mesh/host/log.ts";
import type { LocalEvent, LocalEventKind, LocalLogLine } from "../../mesh/wire/local.ts";
import { Feed } from "../core/feed/feed.ts";

/** Log lines and events that are kept. */
const LOG_LINES = 1000;
const EVENTS = 500;
/** Longest line that is kept, in characters. */
const MAX_LINE = 2000;

/** The two histories, and how they are filled. */
export class Feeds {
  readonly logs: Feed<LocalLogLine> = new Feed(LOG_LINES);
  readonly events: Feed<LocalEvent> = new Feed(EVENTS);
  readonly log: Log;
  readonly #now: () => number;

  /** @param write where log lines go besides */
  constructor({ write, now = () => Date.now() }: { write(line: string): void; now?: () => number }) {
    this.#now = now;
    this.log = createLog("ghostlink", {
      now,
      write: (line) => {
        write(line);
        // `TIME LEVEL ROLE: ...` is what createLog() writes.
        this.logs.push({ level: line.split(" ", 2)[1] ?? "info", line: line.slice(0, MAX_LINE) });
      },
    });
  }

  /** Tells that something happened. */
  readonly event = (kind: LocalEventKind, text: string, data: LocalEvent["data"] = {}): void => {
    this.events.push({ time: new Date(this.#now()).toISOString(), kind, text: text.slice(0, MAX_LINE), data });
  };
}
