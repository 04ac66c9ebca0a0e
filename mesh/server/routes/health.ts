/** GET /healthz: whether this instance answers. */
import { Hono } from "hono";
import type { Env } from "../context.ts";

export const health: Hono<Env> = new Hono<Env>().get("/healthz", (c) => c.json({ ok: true }));
