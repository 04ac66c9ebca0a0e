/** POST /v1/gates: a gate's own record. GET /v1/gates: all of them, for everybody who is admitted. */
import { Hono } from "hono";
import { recordRequest } from "../../wire/api.ts";
import { type Env, seconds } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";
import { publishGate } from "../publish.ts";
import { allRecords } from "../view.ts";

export const gates: Hono<Env> = new Hono<Env>()
  .post("/v1/gates", readBody, proven, async (c) => {
    const { record } = jsonBody(c, recordRequest);
    return c.json(await publishGate(c, record));
  })
  .get("/v1/gates", proven, only("admin", "node", "gate"), (c) => {
    const { view, caller, deps } = c.var;
    const all = caller.roles.includes("admin");
    return c.json({ records: allRecords(view.gates, all ? undefined : seconds(deps)) });
  });
