import assert from "node:assert/strict";
import { Feed } from "../core/feed/feed.ts";
import { eventStream } from "./event_stream.ts";

const text = async (stream: ReadableStream<Uint8Array>) =>
  await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();

Deno.test("eventStream tells what there is, what is lost, and ends when nobody wants more", async () => {
  const feed = new Feed<{ n: number }>(2);
  for (let n = 1; n <= 5; n++) feed.push({ n });
  let ended = 0;
  const { signal } = new AbortController();
  const all = await text(eventStream(feed, { after: 0, follow: false, signal, ended: () => ended++ }));
  assert.equal(all, 'event: lost\ndata: {"lost":3}\n\nid: 4\ndata: {"n":4}\n\nid: 5\ndata: {"n":5}\n\n');
  assert.equal(await text(eventStream(feed, { after: 5, follow: false, signal })), "");
  assert.equal(ended, 1);
});

Deno.test("eventStream goes on with what comes, keeps nothing for a reader that stalls, and ends with the server", async () => {
  const feed = new Feed<{ n: number }>(2);
  const server = new AbortController();
  let ended = 0;
  const reader = eventStream(feed, { after: 0, follow: true, signal: server.signal, ended: () => ended++ }).getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  const first = next();
  feed.push({ n: 1 });
  assert.equal(await first, 'id: 1\ndata: {"n":1}\n\n');
  for (let n = 2; n <= 1000; n++) feed.push({ n });
  assert.match(await next(), /^event: lost\ndata: \{"lost":997\}\n\nid: 999\n/);
  const last = reader.read();
  server.abort();
  assert.equal((await last).done, true);
  assert.equal(ended, 1);
  const other = eventStream(feed, {
    after: 0,
    follow: true,
    signal: new AbortController().signal,
    ended: () => ended++,
  });
  await other.cancel();
  assert.equal(ended, 2);
});
