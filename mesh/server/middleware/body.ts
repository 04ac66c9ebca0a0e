/** Bodies are read once, up to a bound, before anything looks at them: the request proof covers their bytes. */
import { createMiddleware } from "hono/factory";
import { MAX_BODY } from "../../wire/api.ts";
import { type Bytes, fromUtf8, parseJson } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import { parse, type z } from "../../wire/schema.ts";
import type { Ctx, Env } from "../context.ts";

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

async function bounded(request: Request): Promise<Bytes> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body) {
    size += part.length;
    if (size > MAX_BODY) throw tooLarge();
    parts.push(part);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function tooLarge(): GhostError {
  return new GhostError("too_large", `A request body has at most ${MAX_BODY} bytes`, { place: "body" });
}
