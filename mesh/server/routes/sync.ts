/** GET /v1/sync: everything that changes for a node or gate, as server-sent events. */
import { Hono } from "hono";
import { GhostError } from "../../wire/errors.ts";
import { parse, z } from "../../wire/schema.ts";
import type { Env } from "../context.ts";
import { only, proven } from "../middleware/caller.ts";

const query = z.object({ ledger: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0) });

export const sync: Hono<Env> = new Hono<Env>().get("/v1/sync", proven, only("node", "gate"), async (c) => {
  const { caller, network } = c.var;
  // x-accel-buffering: a proxy such as nginx passes events on at once.
  const headers = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
  if (c.req.method === "HEAD") return new Response(null, { headers }); // nobody would read the stream
  const body = await network.hub.attach({
    reader: { kind: caller.roles.includes("node") ? "node" : "gate", id: caller.id },
    cursor: readCursor(c.req.header("last-event-id")),
    ledgerFrom: parse(query, c.req.query(), "query").ledger,
  });
  return new Response(body, { headers });
});

function readCursor(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new GhostError("bad_input", "Not a cursor of this coordinator", { place: "Last-Event-ID" });
}
