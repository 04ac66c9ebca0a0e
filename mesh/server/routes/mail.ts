/** POST /v1/mail: a sealed box from one node to another that it may see. */
import { Hono } from "hono";
import { mailRequest } from "../../wire/api.ts";
import { GhostError } from "../../wire/errors.ts";
import { postMail } from "../../store/mod.ts";
import type { Env } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";
import { maySee } from "../view.ts";

export const mail: Hono<Env> = new Hono<Env>().post("/v1/mail", readBody, proven, only("node"), async (c) => {
  const { to, box } = jsonBody(c, mailRequest);
  const { view, caller, deps, network } = c.var;
  // One that it may not see is told from one that is not there by nothing.
  if (!maySee(view, caller.id, to)) throw new GhostError("not_found", "No such node", { place: "body.to" });
  await postMail(deps.kv, network.net, { from: caller.id, to, box, now: deps.now() });
  return c.json({});
});
