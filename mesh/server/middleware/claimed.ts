/** Before it is claimed, a coordinator answers to set-up alone. */
import { createMiddleware } from "hono/factory";
import { GhostError } from "../../wire/errors.ts";
import type { Env } from "../context.ts";

/** Paths that make sense without a network. */
const OPEN = new Set(["/healthz", "/v1/server", "/v1/setup", "/v1/policy/draft"]);

/** Sets `network`, or refuses. */
export const claimed = createMiddleware<Env>(async (c, next) => {
  const network = await c.get("deps").network();
  if (network !== null) c.set("network", network);
  else if (!OPEN.has(c.req.path)) {
    throw new GhostError("not_claimed", "This coordinator has no network yet", {
      mend: "set it up with the code that it printed at its start: ghostctl init --server HOST --setup CODE",
    });
  }
  await next();
});
