/** Shows a stream of the daemon line by line. */
import type { Call } from "../call.ts";
import { streamDaemon } from "../daemon.ts";

/** A stream to follow, and how an item of it is shown; with --json each line is an object of its own. */
export interface FollowOptions<T> {
  path: string;
  human(item: T): string;
  /** Whether an item is shown at all. */
  wanted?(item: T): boolean;
}

/** Shows what comes until the daemon ends the stream. */
export async function followStream<T extends object>(call: Call, o: FollowOptions<T>): Promise<void> {
  const { EventSourceParserStream } = await import("eventsource-parser/stream");
  const stream = (await streamDaemon(call, { path: o.path }))
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of stream) {
    const item = JSON.parse(data);
    if (event === "lost") call.out.remark(`${item.lost} before this are no longer kept`);
    else if (o.wanted?.(item) ?? true) call.out.answer(item, () => o.human(item));
  }
}
