/**
 * POST /v1/mail: a sealed box, or several, from one node to another that it may see, or between a node and a gate, which may always write to
 * each other: so a node that reaches no gate asks one for TURN credentials.
 */
import { Hono } from "hono";
import { mailRequest } from "../../wire/api.ts";
import { GhostError } from "../../wire/errors.ts";
import { postMail } from "../../store/mod.ts";
import type { Caller, Env } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";
import { maySee, type View } from "../view.ts";

/** Boxes between one node and one gate that may wait: an ask, and a few repeated ones. */
const BETWEEN_ROLES = 4;

export const mail: Hono<Env> = new Hono<Env>().post(
  "/v1/mail",
  readBody,
  proven,
  only("node", "gate"),
  async (c) => {
    const { to, box } = jsonBody(c, mailRequest);
    const { view, caller, deps, network } = c.var;
    const peers = caller.roles.includes("node") && maySee(view, caller.id, to);
    // One that it may not see is told from one that is not there by nothing.
    if (!peers && !acrossRoles(view, caller, to)) {
      throw new GhostError("not_found", "No such node", { place: "body.to" });
    }
    const boxes = typeof box === "string" ? [box] : box;
    const mail = { from: caller.id, to, boxes, now: deps.now(), ...(peers ? {} : { fromOne: BETWEEN_ROLES }) };
    await postMail(deps.kv, network.net, mail);
    return c.json({});
  },
);

function acrossRoles(view: View, { roles }: Caller, to: string): boolean {
  if (roles.includes("node") && view.gates.get(to)?.machine) return true;
  return roles.includes("gate") && Boolean(view.nodes.get(to)?.machine);
}
