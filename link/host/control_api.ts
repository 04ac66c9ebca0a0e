/**
 * The part of the local API that outlives a session of the tunnel: up and down, settings, who is who, events and logs.
 * Mounted behind the checks of link/host/local_api.ts.
 */
import { Hono } from "hono";
import { GhostError } from "../../mesh/wire/errors.ts";
import {
  type LocalDown,
  type LocalLeave,
  localLeaveRequest,
  type LocalSettings,
  type LocalSettingsRequest,
  localSettingsRequest,
  type LocalWhois,
} from "../../mesh/wire/local.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import type { Feed } from "../core/feed/feed.ts";
import { eventStream } from "./event_stream.ts";
import type { Feeds } from "./feeds.ts";

/** What the control API asks of whoever runs the daemon. */
export interface Control {
  readonly feeds: Feeds;
  whois(who: string | undefined): Promise<LocalWhois>;
  up(): Promise<{ state: "up"; changed: boolean }>;
  down(): Promise<LocalDown>;
  leave(o: { forget: boolean }): Promise<LocalLeave>;
  settings(): Promise<LocalSettings>;
  set(change: LocalSettingsRequest): Promise<LocalSettings>;
}

/** Streams that may be open at once. */
const MAX_STREAMS = 32;
/** Longest request, in characters. */
const MAX_BODY = 65_536;
const number = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** @param closing ends all streams when the server closes */
export function controlApp(control: Control, closing: AbortSignal): Hono {
  const app = new Hono();
  let streams = 0;
  const body = async (c: { req: { text(): Promise<string> } }): Promise<unknown> => {
    const text = await c.req.text();
    if (text.length > MAX_BODY) throw new GhostError("too_large", "The request is too large");
    try {
      return text === "" ? {} : JSON.parse(text);
    } catch {
      throw new GhostError("bad_input", "The request is not JSON");
    }
  };
  const stream = (feed: Feed<unknown>, query: (name: string) => string | undefined, resume: string | undefined) => {
    const wanted = resume ?? query("after");
    const tail = query("tail");
    const after = wanted !== undefined
      ? parse(number, wanted, "query.after")
      : tail !== undefined
      ? Math.max(0, feed.last - parse(number, tail, "query.tail"))
      : feed.last;
    if (streams >= MAX_STREAMS) {
      throw new GhostError("too_many", `${MAX_STREAMS} streams are open already`, { mend: "end one of them" });
    }
    streams++;
    const follow = query("follow") !== "0";
    const open = eventStream(feed, { after, follow, signal: closing, ended: () => streams-- });
    return new Response(open, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  };
  app.get("/v1/whois", async (c) => c.json(await control.whois(c.req.query("who")?.slice(0, 253))));
  app.post("/v1/up", async (c) => c.json(await control.up()));
  app.post("/v1/down", async (c) => c.json(await control.down()));
  app.post("/v1/leave", async (c) => c.json(await control.leave(parse(localLeaveRequest, await body(c), "request"))));
  app.get("/v1/settings", async (c) => c.json(await control.settings()));
  app.post(
    "/v1/settings",
    async (c) => c.json(await control.set(parse(localSettingsRequest, await body(c), "request"))),
  );
  app.get("/v1/events", (c) => stream(control.feeds.events, (n) => c.req.query(n), c.req.header("last-event-id")));
  app.get("/v1/logs", (c) => stream(control.feeds.logs, (n) => c.req.query(n), c.req.header("last-event-id")));
  return app;
}
