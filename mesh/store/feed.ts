/** Reading the change feed and waiting for it to grow. */
import type { FeedItem, Head } from "./commit.ts";
import { keys } from "./keys.ts";

/** The network's head, null when there is no such network. */
export async function readHead(kv: Deno.Kv, net: string): Promise<Head | null> {
  return (await kv.get<Head>(keys.head(net))).value;
}

/**
 * The items after sequence `after` up to and with `upto`, oldest first; null when some of them are no longer kept.
 */
export async function readFeed(
  kv: Deno.Kv,
  net: string,
  { after, upto }: { after: number; upto: number },
): Promise<FeedItem[] | null> {
  if (after > upto) return null;
  const items: FeedItem[] = [];
  const range = { start: keys.feed(net, after + 1), end: keys.feed(net, upto + 1) };
  for await (const entry of kv.list<FeedItem>(range, { batchSize: 500 })) items.push(entry.value);
  return items.length === upto - after ? items : null;
}

/**
 * Calls `changed` now and whenever the head changes, until the signal is aborted; changes in quick succession may be told
 * as one. Works across instances on a remote store, and within one process on a local file.
 */
export async function watchHead(
  kv: Deno.Kv,
  net: string,
  { signal, changed }: { signal: AbortSignal; changed: () => Promise<void> },
): Promise<void> {
  if (signal.aborted) return;
  const reader = kv.watch([keys.head(net)]).getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!(await reader.read()).done && !signal.aborted) await changed();
  } finally {
    signal.removeEventListener("abort", stop);
    await reader.cancel().catch(() => {});
  }
}
