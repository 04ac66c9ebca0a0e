/**
 * POST /v1/nodes: a node's own record. GET /v1/nodes: all that hold for admins, for a node those that it may see;
 * GET /v1/nodes?all: for admins also those that do not hold (revoked, or put out by a policy).
 */
import { Hono } from "hono";
import { recordRequest } from "../../wire/api.ts";
import { type Env, seconds } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";
import { publishNode } from "../publish.ts";
import { allRecords, visibleNodes } from "../view.ts";

export const nodes: Hono<Env> = new Hono<Env>()
  .post("/v1/nodes", readBody, proven, async (c) => {
    const { record } = jsonBody(c, recordRequest);
    return c.json(await publishNode(c, record));
  })
  .get("/v1/nodes", proven, only("admin", "node"), (c) => {
    const { view, caller, deps } = c.var;
    const records = caller.roles.includes("admin")
      ? c.req.query("all") === undefined
        ? allRecords(view.nodes)
        : [...view.nodes.values()].map((slot) => slot.stored.jws)
      : visibleNodes(view, caller.id, seconds(deps));
    return c.json({ records });
  });
