/** Every refusal is a problem document (RFC 9457), also those for unknown paths and methods. */
import type { Context, Hono } from "hono";
import { GhostError, toProblem } from "../../wire/errors.ts";
import type { Env } from "../context.ts";

/** Answers with the problem for `error`; `log` is told of what no caller can mend. */
export function problem(error: unknown, log?: (error: unknown) => void): Response {
  const body = toProblem(error);
  if (body.status >= 500) log?.(error);
  return answer(body.status, body);
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}

/** 405 for a path that is known by another method, else 404. */
export function notFound(app: Hono<Env>): (c: Context) => Response {
  return (c) => {
    const { path, method } = c.req;
    const methods = new Set(app.routes.filter((r) => r.path === path && r.method !== "ALL").map((r) => r.method));
    if (methods.size === 0) return problem(new GhostError("not_found", "No such path", { place: path.slice(0, 200) }));
    if (methods.has("GET")) methods.add("HEAD");
    const allow = [...methods].sort().join(", ");
    const told = new GhostError("bad_input", `${method} is not possible here`, {
      place: path,
      mend: `use ${allow}`,
    });
    return answer(405, { ...toProblem(told), status: 405 }, { allow });
  };
}
