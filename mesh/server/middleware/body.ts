/** Bodies are read once, up to a bound, before anything looks at them: the request proof covers their bytes. */
import { createMiddleware } from "hono/factory";
import { MAX_BODY } from "../../wire/api.ts";
import { type Bytes, concat, fromUtf8, parseJson } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import { parse, type z } from "../../wire/schema.ts";
import type { Ctx, Env } from "../context.ts";

/** How long a body may take, in ms: as long as node:https gives a whole request (mesh/selfhost/https_server.ts). */
const BODY_TIME = 60_000;

/** Reads the body into `body`. */
export const readBody = createMiddleware<Env>(async (c, next) => {
  c.set("body", await bounded(c.req.raw));
  await next();
});

/** The body as JSON of a schema. @throws GhostError `bad_input` */
export function jsonBody<T>(c: Ctx, schema: z.ZodType<T>): T {
  const value = parseJson(fromUtf8(c.get("body"), "body"), { place: "body", max: MAX_BODY });
  return parse(schema, value, "body");
}

/**
 * A request's body, of bounded size and within `within` ms.
 * @throws GhostError `too_large`, `timeout`
 */
export async function bounded(request: Request, within = BODY_TIME): Promise<Bytes> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  // Read by hand: a client that sends a byte now and then would hold its request, and what it holds, for ever.
  const reader = request.body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => timer = setTimeout(() => reject(tooSlow()), within));
  late.catch(() => {});
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      size += value.length;
      if (size > MAX_BODY) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return concat(parts);
}

function tooLarge(): GhostError {
  return new GhostError("too_large", `A request body has at most ${MAX_BODY} bytes`, { place: "body" });
}

function tooSlow(): GhostError {
  return new GhostError("timeout", "The request's body did not arrive in time", {
    place: "body",
    mend: "send it anew over a better connection",
  });
}
