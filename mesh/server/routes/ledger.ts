/**
 * GET and POST /v1/ledger: reading and appending signed entries. An entry proves itself, so members may bring what this
 * coordinator lacks, as after it was restored from an old copy.
 */
import { Hono } from "hono";
import { appendRequest, type LedgerPage } from "../../wire/api.ts";
import { parse, z } from "../../wire/schema.ts";
import type { Env } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";

/** A page ends after this many entries or characters, but has at least one entry. */
const PAGE_ENTRIES = 1000;
const PAGE_SIZE = 1 << 20;

const query = z.object({ from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0) });

export const ledger: Hono<Env> = new Hono<Env>()
  .get("/v1/ledger", proven, only("admin", "node", "gate", "grant", "watcher", "guest"), (c) => {
    const { from } = parse(query, c.req.query(), "query");
    const chain = c.get("view").ledger;
    const entries: string[] = [];
    let size = 0;
    for (let at = from; at <= chain.head.seq && entries.length < PAGE_ENTRIES && size < PAGE_SIZE; at++) {
      const entry = chain.at(at)!;
      if (size > 0 && size + entry.length > PAGE_SIZE) break;
      entries.push(entry);
      size += entry.length;
    }
    return c.json({ entries, head: chain.head } satisfies LedgerPage);
  })
  .post("/v1/ledger", readBody, proven, only("admin", "node", "gate", "watcher"), async (c) => {
    const { entries } = jsonBody(c, appendRequest);
    return c.json(await c.get("network").appender.append(entries));
  });
