/**
 * A Feed as server-sent events (HTML standard, 9.2). The reader pulls: what it has not asked for stays in the feed, so a
 * reader that stalls costs nothing and is told what it missed.
 */
import type { Feed, Numbered } from "../core/feed/feed.ts";

/** Items of one chunk. */
const CHUNK = 64;
/** Milliseconds after which a comment shows that the stream is alive. */
const ALIVE = 15_000;

/**
 * Streams what came after number `after`, then what comes, until the reader goes or `signal` aborts; without `follow` it ends
 * with what there is.
 */
export function eventStream<T>(
  feed: Feed<T>,
  { after, follow, signal, ended = () => {} }: {
    after: number;
    follow: boolean;
    signal: AbortSignal;
    ended?: () => void;
  },
): ReadableStream<Uint8Array> {
  let seen = Math.min(after, feed.last);
  let gone = false;
  let wake = () => {};
  const over = () => {
    if (gone) return;
    gone = true;
    signal.removeEventListener("abort", over);
    wake();
    ended();
  };
  signal.addEventListener("abort", over);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const { items, lost } = feed.after(seen, CHUNK);
        if (signal.aborted || gone || (items.length === 0 && !follow)) {
          over();
          return controller.close();
        }
        if (items.length > 0) {
          seen = items.at(-1)!.id;
          return controller.enqueue(encode(items, lost));
        }
        if (!await more(feed, (stop) => wake = stop)) return controller.enqueue(new TextEncoder().encode(":\n\n"));
      }
    },
    cancel: over,
  }, { highWaterMark: 0 });
}

/** Waits for something new; false when there was nothing for a while. */
function more<T>(feed: Feed<T>, started: (wake: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (came: boolean) => {
      clearTimeout(timer);
      forget();
      resolve(came);
    };
    const timer = setTimeout(() => finish(false), ALIVE);
    const forget = feed.onMore(() => finish(true));
    started(() => finish(true));
  });
}

function encode<T>(items: readonly Numbered<T>[], lost: number): Uint8Array {
  const gap = lost > 0 ? `event: lost\ndata: ${JSON.stringify({ lost })}\n\n` : "";
  // JSON has no line breaks of its own, so an item cannot end its event.
  const text = items.map(({ id, item }) => `id: ${id}\ndata: ${JSON.stringify(item)}\n\n`).join("");
  return new TextEncoder().encode(gap + text);
}
