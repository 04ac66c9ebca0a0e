/**
 * GET /v1/policy/draft: the policy that the operator's acl_file proposes. Before set-up it is shown to the holder of the
 * set-up code (`Authorization: Setup SECRET`), afterwards to admins.
 */
import { Hono } from "hono";
import { fromBase64Url } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import { checkSetupSecret } from "../../store/mod.ts";
import type { Ctx, Env } from "../context.ts";
import { only, proven } from "../middleware/caller.ts";

export const policy: Hono<Env> = new Hono<Env>().get(
  "/v1/policy/draft",
  async (c, next) => {
    if (c.get("network")) return await next();
    const secret = /^Setup ([A-Za-z0-9_-]{1,64})$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (secret === undefined) {
      throw new GhostError("not_claimed", "This coordinator has no network yet", {
        mend: "show the set-up code: Authorization: Setup SECRET",
      });
    }
    const { kv, now } = c.get("deps");
    await checkSetupSecret(kv, fromBase64Url(secret, "authorization"), { now: now() });
    return await answer(c);
  },
  proven,
  only("admin"),
  answer,
);

async function answer(c: Ctx): Promise<Response> {
  const draft = await c.get("deps").config.draft?.() ?? null;
  if (draft === null) {
    throw new GhostError("not_found", "The coordinator has no policy draft", {
      mend: "set acl_file in its configuration",
    });
  }
  return c.json(draft);
}
